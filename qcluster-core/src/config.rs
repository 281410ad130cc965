//! Configuration: what a user writes ([`Config`]), what the state machine needs of it ([`Settings`]), and the checked form
//! that everything below works from ([`Rules`]).

mod api;
mod builder;
mod check;
mod choice;
mod digests;
mod file;
mod gossip;
mod live;
mod metadata;
mod peer;
mod port;
mod problem;
mod record;
mod rules;
mod seal;
mod sealing;
mod settings;
mod shared;
mod timing;
mod variable;

pub use api::{ApiConfig, ApiRole, ApiToken, TlsConfig, TokenConfig};
pub use choice::{TimingChoice, TimingValues};
pub use digests::{Digests, Step};
pub use file::{Config, Mode, VoterIn};
pub use gossip::{Gossip, GossipPace};
pub use metadata::{ExactJson, Metadata};
pub(crate) use metadata::{deserialize as deserialize_metadata, to_metadata};
pub use peer::Peer;
pub(crate) use port::deserialize as deserialize_port;
pub use problem::{ConfigError, Problem};
pub use record::RecordTo;
#[cfg(feature = "seal")]
pub(crate) use rules::cluster_tag;
pub use rules::{Rules, Voter};
pub use seal::{BadSecret, SealMode, Secret};
pub use settings::{Durability, Seat, Settings, VoterSettings};
pub use shared::{SettingDifference, SharedSettings};
pub use timing::{Preset, Timing};
pub(crate) use variable::{not_replaced, variable_in};

#[cfg(test)]
mod tests;
