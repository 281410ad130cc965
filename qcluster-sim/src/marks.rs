//! Situations that the default runs must reach: an oracle that never saw a split vote has said nothing about split votes.

use qcluster_core::{Counters, DropReason, LostReason, Refusal};

/// Declares the marks, with a stable name for each.
macro_rules! marks {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A situation that the runs must reach sometimes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark {
            $($(#[$doc])* $variant,)*
        }

        impl Mark {
            /// All marks.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$variant),*];

            /// A short name that never changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

marks! {
    /// Two candidates asked for votes in one term.
    SplitVote = "split vote",
    /// A hand-over's word to the successor was lost on the way.
    TransferLost = "transfer lost",
    /// A leadership was handed over (E10).
    Transferred = "transferred",
    /// A leader stepped down because its lease ran out (E4).
    LostByLease = "lost by lease",
    /// A leader stepped down because of a higher term.
    LostByTerm = "lost by higher term",
    /// A leader stepped down because it was asked to.
    LostByRequest = "lost by request",
    /// A leader handed over because it was shut down.
    LostByShutdown = "lost by shutdown",
    /// A vote or pre-vote was refused because of a promise (E5, E6).
    RefusedPromised = "refused: promised",
    /// … because the term was not above the voter's.
    RefusedOldTerm = "refused: old term",
    /// … because the term was below the voter's stamp (E12).
    RefusedBelowStamp = "refused: below stamp",
    /// … because the voter had voted.
    RefusedVoted = "refused: voted",
    /// … during the boot wait (E9).
    RefusedBootWait = "refused: boot wait",
    /// … because the voter could not save (E16), or was stopping.
    RefusedAbstains = "refused: abstains",
    /// A candidacy, or a leadership never activated, ran out (E7).
    CandidacyExpired = "candidacy expired",
    /// A write failed while its node was a candidate (E16).
    PersistFailedAsCandidate = "persist failed while candidate",
    /// A crash found a write under way.
    CrashWhileSaving = "crash while saving",
    /// A diskless voter, or one with a new disk, started again.
    Amnesia = "restart without memory",
    /// A heartbeat of an old term was answered with the newer one (E2).
    StaleLeaderAnswered = "stale leader answered",
    /// A release cleared a promise (E4, E10).
    ReleaseHonoured = "release honoured",
    /// A node with another configuration was not listened to (E14).
    ConfigMismatch = "config mismatch",
    /// A leader was elected by quorums of two lists (E20).
    JointQuorums = "joint quorums",
    /// A second node with one identifier stopped (E17).
    TwinRefused = "twin refused",
    /// A pre-candidate yielded to another (E5).
    Yielded = "pre-candidate yielded",
    /// A timer fired late and waited for a heartbeat (E15).
    LateTimer = "late timer",
    /// A leader asked a preferred voter (E11).
    PreferredAsked = "preferred voter asked",
    /// A datagram failed its check.
    Malformed = "malformed datagram",
    /// A datagram was for another incarnation.
    OtherIncarnation = "datagram for another incarnation",
    /// A new incarnation of a voter was probed before it was believed.
    UnprovenIncarnation = "unproven incarnation",
    /// A message was a repetition or had been overtaken.
    Stale = "stale message",
    /// A late write was fenced off by its token.
    Fenced = "late write fenced",
    /// A frozen leader woke up after its lease had run out.
    WokeTooLate = "leader woke too late",
    /// An observer was told who leads (E13).
    ObserverTold = "observer told",
    /// A voter moved to another address.
    Moved = "moved to another address",
    /// A member was found to be down.
    MemberDown = "member down",
    /// A member said goodbye (G4).
    MemberLeft = "member left",
    /// A member contradicted what was said of it (G3).
    Refuted = "refuted",
    /// A node that heard no leader was told by others who leads (E19).
    ReportedLeader = "leader reported by others",
    /// Tables were compared (G6).
    Compared = "tables compared",
    /// A single voter led alone.
    LedAlone = "led alone",
    /// A node whose place another one had taken stopped (E24).
    Superseded = "superseded node stopped",
    /// What it said before counted for nothing.
    SupersededDropped = "word of a superseded incarnation",
    /// A word did not count because its giver knew of incarnations that its receiver did not (E24).
    Unshared = "word of a voter that knew of other incarnations",
    /// … or because its receiver had yet to save the incarnation that gave it.
    Unsaved = "word of an incarnation that was not saved",
    /// A node knew that a leader was elected in the middle step of a change of voters (E20).
    StepEstablished = "middle step established",
    /// A voter in the middle step refused one that knew of the old voters only.
    RefusedEarlierStep = "refused: earlier step",
    /// A node would not go back to an earlier step, which its disk knew of.
    StepBackRefused = "refused to go a step back",
    /// A node said that answers or its disk are too slow for an election.
    TooSlow = "too slow for an election",
    /// A leader asked for longer or shorter promises (E23).
    LeaseLength = "lease made longer or shorter",
    /// A leader was elected by nodes that take nothing but sealed datagrams (S4).
    Sealed = "elected among seals",
    /// A process went by other keys than those that it began with (S5).
    KeysChanged = "keys changed",
    /// A host that required no seals before did so from its start on (S4).
    SealRequired = "seals required from some time on",
    /// A datagram without a seal was refused.
    NotSealed = "refused: not sealed",
    /// One under a key that its receiver did not have was refused.
    UnknownKey = "refused: unknown key",
    /// One that nobody with the key had sealed like this was refused.
    Forged = "refused: forged",
    /// One that was opened before, or was too old to tell, was refused.
    Replayed = "refused: replayed",
    /// One of another cluster was refused.
    ForeignCluster = "refused: another cluster",
}

/// How often each mark was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    counts: [u64; Mark::ALL.len()],
}

impl Default for Marks {
    fn default() -> Self {
        Self { counts: [0; Mark::ALL.len()] }
    }
}

impl Marks {
    pub(crate) fn reach(&mut self, mark: Mark) {
        self.add(mark, 1);
    }

    fn add(&mut self, mark: Mark, count: u64) {
        self.counts[mark as usize] += count;
    }

    /// How often it was reached.
    pub fn count(&self, mark: Mark) -> u64 {
        self.counts[mark as usize]
    }

    /// The marks that were never reached.
    pub fn missing(&self) -> Vec<Mark> {
        Mark::ALL.into_iter().filter(|mark| self.count(*mark) == 0).collect()
    }

    /// Adds what another run has reached.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// What the counters of an incarnation that has ended say.
    pub(crate) fn learn(&mut self, counters: &Counters) {
        let lost = |reason: LostReason| counters.lost[reason];
        let (refused, dropped) = (|r: Refusal| counters.votes_refused[r], |r: DropReason| counters.dropped[r]);
        for (mark, count) in [
            (Mark::Transferred, lost(LostReason::Transferred)),
            (Mark::LostByLease, lost(LostReason::Stalled) + lost(LostReason::NoQuorum)),
            (Mark::LostByTerm, lost(LostReason::HigherTerm)),
            (Mark::LostByRequest, lost(LostReason::SteppedDown)),
            (Mark::LostByShutdown, lost(LostReason::Shutdown)),
            (Mark::RefusedPromised, refused(Refusal::Promised)),
            (Mark::RefusedOldTerm, refused(Refusal::OldTerm)),
            (Mark::RefusedBelowStamp, refused(Refusal::BelowStamp)),
            (Mark::RefusedVoted, refused(Refusal::Voted)),
            (Mark::RefusedBootWait, refused(Refusal::BootWait)),
            (Mark::RefusedAbstains, refused(Refusal::Abstains)),
            (Mark::CandidacyExpired, counters.expired_candidacies),
            (Mark::ReleaseHonoured, counters.releases_honoured),
            (Mark::ConfigMismatch, dropped(DropReason::ConfigMismatch)),
            (Mark::Yielded, counters.yielded),
            (Mark::LateTimer, counters.late_timers),
            (Mark::Refuted, counters.refutations),
            (Mark::Compared, counters.comparisons),
            (Mark::PreferredAsked, counters.preferred_attempts),
            (Mark::Malformed, dropped(DropReason::Malformed)),
            (Mark::OtherIncarnation, dropped(DropReason::OtherIncarnation)),
            (Mark::UnprovenIncarnation, dropped(DropReason::UnprovenIncarnation)),
            (Mark::Stale, dropped(DropReason::Stale)),
            (Mark::SupersededDropped, dropped(DropReason::Superseded)),
            (Mark::Unshared, dropped(DropReason::UnsharedIncarnations)),
            (Mark::Unsaved, dropped(DropReason::UnsavedIncarnation)),
            (Mark::NotSealed, dropped(DropReason::NotSealed)),
            (Mark::UnknownKey, dropped(DropReason::UnknownKey)),
            (Mark::Forged, dropped(DropReason::Forged)),
            (Mark::Replayed, dropped(DropReason::Replayed)),
            (Mark::ForeignCluster, dropped(DropReason::ForeignCluster)),
            (Mark::RefusedEarlierStep, refused(Refusal::EarlierStep)),
        ] {
            self.add(mark, count);
        }
    }
}
