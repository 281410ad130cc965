//! Reason codes: whatever a node refuses, drops or gives up has one, with a name that never changes.

use serde::{Deserialize, Serialize};

/// Declares an enum of reasons with a stable name for each, for logs and as metric labels.
macro_rules! reasons {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$about])*
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them; a later release may have more.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// A short name that never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

/// Declares the counts by one of those enums, indexed by it.
macro_rules! counts {
    ($(#[$about:meta])* $name:ident by $reason:ident) => {
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name([u64; $reason::ALL.len()]);

        impl $name {
            /// Each of them with its count, those that never happened too.
            pub fn iter(&self) -> impl Iterator<Item = ($reason, u64)> + Clone + '_ {
                $reason::ALL.iter().copied().zip(self.0.iter().copied())
            }

            /// All together.
            pub fn total(&self) -> u64 {
                self.0.iter().sum()
            }

            pub(crate) fn add(&mut self, reason: $reason) {
                self.0[reason as usize] += 1;
            }
        }

        impl core::ops::Index<$reason> for $name {
            type Output = u64;

            fn index(&self, reason: $reason) -> &u64 {
                &self.0[reason as usize]
            }
        }
    };
}

counts! {
    /// Votes and pre-votes that were refused, by reason.
    RefusalCounts by Refusal
}

counts! {
    /// Leaderships that ended, by reason.
    LostCounts by LostReason
}

counts! {
    /// Messages that were dropped, by reason.
    DropCounts by DropReason
}

counts! {
    /// Messages by kind.
    MessageCounts by MessageKind
}

reasons! {
    /// Why a vote or a pre-vote was refused.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    Refusal {
        /// A live promise binds the voter to another leadership (E2, E6).
        Promised = "promised",
        /// The term is not above the voter's own.
        OldTerm = "old_term",
        /// The term is not above the voter's stamp (E12): ask above it.
        BelowStamp = "below_stamp",
        /// The voter has voted for somebody else in this term, or a vote of its is on the way to the disk (E6).
        Voted = "voted",
        /// The voter takes no part yet (E9, E17, E24).
        BootWait = "boot_wait",
        /// The voter could not save its state and abstains (E16).
        Abstains = "abstains",
        /// The voter has taken a step of a change of voters that the asker has not (E20).
        EarlierStep = "earlier_step",
    }
}

reasons! {
    /// Why a leadership ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[non_exhaustive]
    LostReason {
        /// No quorum has answered in time (E4).
        NoQuorum = "no_quorum",
        /// A voter is in a higher term.
        HigherTerm = "higher_term",
        /// It was handed over (E10, E11).
        Transferred = "transferred",
        /// The application asked for it.
        SteppedDown = "stepped_down",
        /// The node is stopping.
        Shutdown = "shutdown",
        /// State could not be saved (E16).
        StorageFailed = "storage_failed",
        /// The clock went back, and with it every bound on time (E15).
        ClockWentBack = "clock_went_back",
        /// Another live node has this identifier, and was there first (E17).
        DuplicateIdentifier = "duplicate_identifier",
        /// A later incarnation of this node has taken its place (E24).
        Superseded = "superseded",
        /// This process or its machine stood still while the lease ran out (E4, E15).
        Stalled = "stalled",
    }
}

reasons! {
    /// Why a leader asks for longer or shorter promises than before (E23).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[non_exhaustive]
    LeaseLengthReason {
        /// This process was late: it or its machine stood still.
        Stalled = "stalled",
        /// A quorum answered late.
        SlowAnswers = "slow_answers",
        /// A save took long.
        SlowSave = "slow_save",
        /// Nothing was late for a while.
        Quiet = "quiet",
    }
}

reasons! {
    /// Why a transfer of leadership was refused. Nothing has changed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    TransferRefused {
        /// This node does not hold the lease.
        NotLeader = "not_leader",
        /// The target is not a voter of this configuration.
        NotAVoter = "not_a_voter",
        /// No other voter has answered within a lease.
        NoSuccessor = "no_successor",
    }
}

reasons! {
    /// Why a message was dropped without effect.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    DropReason {
        /// It is shorter or longer than its parts, or its checksum is wrong.
        Malformed = "malformed",
        /// It is of a version that this node does not speak.
        Version = "version",
        /// It is of another cluster.
        ForeignCluster = "foreign_cluster",
        /// It is sealed with a key that this node does not have.
        UnknownKey = "unknown_key",
        /// Its digest shares nothing with this node's (E14).
        ConfigMismatch = "config_mismatch",
        /// It comes from this node itself (E18).
        FromSelf = "from_self",
        /// It comes from a node that is not a voter, and is nothing that an observer says (E18).
        Stranger = "stranger",
        /// It is for another node, or for another incarnation of this one.
        OtherIncarnation = "other_incarnation",
        /// It comes from an incarnation of the sender that is not established (E17).
        UnprovenIncarnation = "unproven_incarnation",
        /// It names a term that is further above those known than elections and clocks can account for (E18).
        HugeTerm = "huge_term",
        /// It is nothing newer than what is known: a repetition, or overtaken.
        Stale = "stale",
        /// It answers nothing that was asked, or asks what is not this node's to answer.
        Unexpected = "unexpected",
        /// This node has stopped (E17, shutdown).
        Stopped = "stopped",
        /// It is a record with a field that is over its limit, or cannot be read.
        BadRecord = "bad_record",
        /// It is a record with a version or an incarnation that leaves its owner no room to grow.
        HugeVersion = "huge_version",
        /// It is a record of what was deleted so long ago that even the tombstone is gone (G8).
        DeletedRecord = "deleted_record",
        /// It is a record that there is no room for, in all or for its owner (G10).
        TooManyRecords = "too_many_records",
        /// It is a record whose name has the hash of another one.
        RecordCollision = "record_collision",
        /// It comes from an incarnation of the sender that another one has taken the place of (E24).
        Superseded = "superseded",
        /// It is a vote or a promise of a voter that knows of incarnations which this node has yet to be told of (E24).
        UnsharedIncarnations = "unshared_incarnations",
        /// It is a promise of an incarnation that this node has yet to save, and would not know after a crash (E24).
        UnsavedIncarnation = "unsaved_incarnation",
        /// It would have this node speak to somebody later on, and its sender has not shown that it is where it came from (E18).
        UnprovenAddress = "unproven_address",
        /// It is not sealed, and this node takes no such datagram (S4).
        NotSealed = "not_sealed",
        /// It names a key of this node, and was not sealed with it (S2).
        Forged = "forged",
        /// It was opened before, or is too old to tell (S3).
        Replayed = "replayed",
    }
}

reasons! {
    /// The kinds of messages between nodes, by which they are counted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    MessageKind {
        /// See [`Session::Hello`](crate::Session::Hello).
        Hello = "hello",
        /// See [`Session::Probe`](crate::Session::Probe).
        Probe = "probe",
        /// See [`Session::ProbeAck`](crate::Session::ProbeAck).
        ProbeAck = "probe_ack",
        /// See [`Session::DuplicateIdentifier`](crate::Session::DuplicateIdentifier).
        DuplicateIdentifier = "duplicate_identifier",
        /// See [`Superseded`](crate::Session::Superseded).
        Superseded = "superseded",
        /// See [`Step`](crate::Session::Step).
        Step = "step",
        /// See [`Configuration`](crate::Session::Configuration).
        Configuration = "configuration",
        /// See [`Heartbeat`](crate::ElectionMessage::Heartbeat).
        Heartbeat = "heartbeat",
        /// See [`HeartbeatAck`](crate::ElectionMessage::HeartbeatAck).
        HeartbeatAck = "heartbeat_ack",
        /// See [`StaleTerm`](crate::ElectionMessage::StaleTerm).
        StaleTerm = "stale_term",
        /// See [`PreVoteRequest`](crate::ElectionMessage::PreVoteRequest).
        PreVoteRequest = "pre_vote_request",
        /// See [`PreVoteReply`](crate::ElectionMessage::PreVoteReply).
        PreVoteReply = "pre_vote_reply",
        /// See [`VoteRequest`](crate::ElectionMessage::VoteRequest).
        VoteRequest = "vote_request",
        /// See [`VoteReply`](crate::ElectionMessage::VoteReply).
        VoteReply = "vote_reply",
        /// See [`Release`](crate::ElectionMessage::Release).
        Release = "release",
        /// See [`CouldYouWin`](crate::ElectionMessage::CouldYouWin).
        CouldYouWin = "could_you_win",
        /// See [`CouldWin`](crate::ElectionMessage::CouldWin).
        CouldWin = "could_win",
        /// What an observer and the voters say to each other (E13).
        Observer = "observer",
        /// About members (G1 to G4).
        Membership = "membership",
        /// About services (G5).
        Registry = "registry",
        /// Which incarnations have taken part (E24).
        Incarnations = "incarnations",
    }
}

impl LostReason {
    /// Whether the leadership was given up on purpose: handed over, stepped down from, or ended by a shutdown.
    pub const fn is_voluntary(self) -> bool {
        match self {
            Self::Transferred | Self::SteppedDown | Self::Shutdown => true,
            Self::Stalled
            | Self::NoQuorum
            | Self::HigherTerm
            | Self::StorageFailed
            | Self::ClockWentBack
            | Self::DuplicateIdentifier
            | Self::Superseded => false,
        }
    }
}

impl core::fmt::Display for TransferRefused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotLeader => "this node does not lead, so it has no leadership to hand over: ask the leader",
            Self::NotAVoter => "the target is not a voter of this cluster",
            Self::NoSuccessor => "no other voter has answered within a lease, so nobody could take over",
        })
    }
}

impl core::error::Error for TransferRefused {}
