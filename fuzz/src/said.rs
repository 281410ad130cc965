//! Messages about members and services that can be read, and say anything.

use arbitrary::Arbitrary;
use qcluster_core::{
    Accusers, Health, Hint, Incarnation, Introduction, MembershipMessage, Message, NodeId, NodeKey, Piggyback,
    ReconcileMessage, Record, RecordBody, RegistryMessage, ServiceFacts, Standing, State, StateUpdate, Term,
};

use crate::cluster::{VOTERS, address};

/// One message.
#[derive(Debug, Arbitrary)]
pub(crate) enum Said {
    Join { at: Option<u8>, me: Row },
    Welcome { me: Row, seen_at: Option<u8>, word: Told },
    Ping { seq: u8, word: Told },
    Ack { seq: u8, word: Told },
    PingReq { seq: u8, target: u8 },
    Nack { seq: u8 },
    Introduce(Row),
    Update { row: Row, accusers: Option<u8> },
    Compare { registry: bool, part: Part },
    Record { owed: bool, owner: u8, incarnation: SaidIncarnation, version: Version, id: u8, body: Body },
    Greet { known: SaidIncarnation },
}

/// A row of the table of members.
#[derive(Debug, Arbitrary)]
pub(crate) struct Row {
    name: u8,
    at: Option<u8>,
    incarnation: SaidIncarnation,
    refutation: Option<u32>,
    state: u8,
    age_s: u32,
}

/// An incarnation of some node.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub(crate) enum SaidIncarnation {
    /// That of the victim.
    Victim,
    /// The one after it.
    Next,
    /// Any.
    Any(u64),
}

/// A version of a record.
#[derive(Debug, Arbitrary)]
pub(crate) enum Version {
    Small(u8),
    Any(u64),
}

/// What is told in passing.
#[derive(Debug, Arbitrary)]
pub(crate) struct Told {
    about_you: Option<(SaidIncarnation, u32, u8)>,
    members: u64,
    records: u64,
    leader: Option<(u8, u64)>,
}

/// A part of a comparison.
#[derive(Debug, Arbitrary)]
pub(crate) enum Part {
    Buckets(Vec<u32>),
    All(u8),
    Range { from: u64, to: u64, items: Vec<(u64, u32)> },
    Want(Vec<u64>),
}

/// What a record holds.
#[derive(Debug, Arbitrary)]
pub(crate) enum Body {
    Deleted,
    Metadata { nested: u8 },
    Service { port: u16, ttl_ms: Option<u64>, tags: u8, critical: bool },
}

/// Nodes that exist, and some that do not; all of them can be told apart from their numbers.
fn name(node: u8) -> NodeId {
    let made_up = || NodeId::new(&format!("m{node}")).expect("the name is short");
    VOTERS.get(usize::from(node)).map_or_else(made_up, |name| NodeId::new(name).expect("the name is short"))
}

fn key(node: u8) -> NodeKey {
    name(node).key()
}

fn state(state: u8) -> State {
    [State::Alive, State::Suspect, State::Down, State::Left][usize::from(state) % 4]
}

impl SaidIncarnation {
    fn of(self, victim: Incarnation) -> Incarnation {
        match self {
            Self::Victim => victim,
            Self::Next => Incarnation(victim.0.saturating_add(1)),
            Self::Any(incarnation) => Incarnation(incarnation),
        }
    }
}

impl Row {
    fn standing(&self, victim: Incarnation) -> Standing {
        Standing { incarnation: self.incarnation.of(victim), refutation: self.refutation.unwrap_or(0) }
    }

    fn introduction(&self, victim: Incarnation) -> Introduction {
        Introduction {
            id: name(self.name),
            address: self.at.map(|at| address(usize::from(at))),
            standing: self.standing(victim),
            state: state(self.state),
            age_s: self.age_s,
        }
    }
}

impl Told {
    fn word(&self, victim: Incarnation) -> Piggyback {
        let about = |(incarnation, refutation, said): (SaidIncarnation, u32, u8)| {
            (Standing { incarnation: incarnation.of(victim), refutation }, state(said))
        };
        Piggyback {
            about_you: self.about_you.map(about),
            members: self.members,
            records: self.records,
            leader: self.leader.map(|(leader, term)| Hint { leader: key(leader), term: Term(term) }),
        }
    }
}

impl Part {
    fn message(&self) -> ReconcileMessage {
        match self {
            Self::Buckets(hashes) => ReconcileMessage::Buckets(hashes.clone()),
            Self::All(hash) => ReconcileMessage::Buckets(vec![u32::from(*hash); 256]),
            Self::Range { from, to, items } => ReconcileMessage::Range { from: *from, to: *to, items: items.clone() },
            Self::Want(items) => ReconcileMessage::Want(items.clone()),
        }
    }
}

impl Body {
    fn body(&self) -> RecordBody {
        match self {
            Self::Deleted => RecordBody::Deleted,
            Self::Metadata { nested } => {
                let depth = usize::from(*nested);
                RecordBody::Metadata(format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth)))
            }
            Self::Service { port, ttl_ms, tags, critical } => RecordBody::Service(ServiceFacts {
                name: "service".to_owned(),
                host: None,
                port: *port,
                tags: (0..*tags).map(|tag| tag.to_string()).collect(),
                metadata: "{}".to_owned(),
                health: if *critical { Health::Critical } else { Health::Passing },
                ttl_ms: *ttl_ms,
            }),
        }
    }
}

impl Said {
    /// The message as it travels to a node in that incarnation.
    pub(crate) fn bytes(&self, victim: Incarnation) -> Vec<u8> {
        postcard::to_stdvec(&self.message(victim)).unwrap_or_default()
    }

    fn message(&self, victim: Incarnation) -> Message {
        let at = |at: &Option<u8>| at.map(|at| address(usize::from(at)));
        let members = match self {
            Self::Join { at: to, me } => MembershipMessage::Join { at: at(to), me: me.introduction(victim) },
            Self::Welcome { me, seen_at, word } => MembershipMessage::Welcome {
                me: me.introduction(victim),
                seen_at: at(seen_at),
                word: word.word(victim),
            },
            Self::Ping { seq, word } => MembershipMessage::Ping { seq: u32::from(*seq), word: word.word(victim) },
            Self::Ack { seq, word } => MembershipMessage::Ack { seq: u32::from(*seq), word: word.word(victim) },
            Self::PingReq { seq, target } => MembershipMessage::PingReq { seq: u32::from(*seq), target: key(*target) },
            Self::Nack { seq } => MembershipMessage::Nack { seq: u32::from(*seq) },
            Self::Introduce(row) => MembershipMessage::Introduce(row.introduction(victim)),
            Self::Update { row, accusers } => MembershipMessage::Update(StateUpdate {
                member: key(row.name),
                standing: row.standing(victim),
                state: state(row.state),
                accusers: accusers.map(|accuser| Accusers::one(key(accuser))).unwrap_or_default(),
            }),
            Self::Compare { registry: false, part } => MembershipMessage::Compare(part.message()),
            Self::Compare { registry: true, part } => {
                return RegistryMessage::Compare(part.message()).into();
            }
            Self::Record { owed, owner, incarnation, version, id, body } => {
                let version = match version {
                    Version::Small(version) => u64::from(*version),
                    Version::Any(version) => *version,
                };
                let id = if *id == 0 { String::new() } else { id.to_string() };
                let record =
                    Record { owner: key(*owner), incarnation: incarnation.of(victim), version, id, body: body.body() };
                let wrap = if *owed { RegistryMessage::Owed } else { RegistryMessage::Record };
                return wrap(record).into();
            }
            Self::Greet { known } => {
                let hello = qcluster_core::Session::Hello {
                    to: key(0),
                    answer: false,
                    booting: false,
                    is_new: false,
                    known: known.of(victim),
                    took_part: known.of(victim),
                };
                return Message::Session(hello);
            }
        };
        members.into()
    }
}
