//! `/v1/keys`: the keys of a sealed cluster by their ids, who is heard under which, and how they are changed (S4, S5).
//!
//! No key comes back, and none is known from its id. A secret that is added travels in the body: it is taken from the node's own machine, or
//! over TLS, and from nowhere else.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::request::ClientKind;
use super::response::{ErrorCode, Response};
use super::view::{KeysSnapshot, TurnedAway, View};
use super::{Outcome, query};
use qcluster_core::{SealMode, Secret, Span, State};

/// The answer to `GET /v1/keys`: what a node seals and opens with, and what it hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeysStatus {
    /// What it seals, and what it lets in.
    pub seal: SealMode,
    /// Its keys. The first one seals, unless it only accepts what is sealed.
    pub keys: Vec<KeyStatus>,
    /// Other nodes that were last heard without a seal, by identifier.
    pub plain_from: Vec<String>,
    /// Where datagrams came from that were not let in lately for want of the right key: the last few addresses.
    pub turned_away: Vec<TurnedAwayStatus>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyStatus {
    /// Its id, from 1 to 255. It is the same on every node of the cluster, and tells nothing about the key.
    pub id: u8,
    /// Other nodes that were last heard under it, by identifier.
    pub heard_from: Vec<String>,
}

/// An address whose datagrams were not let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TurnedAwayStatus {
    /// The address.
    pub address: SocketAddr,
    /// The member that is known to be there, by identifier: more likely one that missed a change of keys than a stranger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Why the last one was not let in, as metrics name it: `unknown_key`, `not_sealed` or `forged`.
    pub reason: String,
    /// Milliseconds since then.
    pub ms_ago: u64,
}

/// The body of `POST /v1/keys`. What it does is written to the file of the node's secrets first, so that a restart finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum KeyChange {
    /// Open what is sealed with that secret too.
    Add {
        /// The secret.
        secret: Secret,
    },
    /// Seal with that key from now on.
    Use {
        /// Its id.
        id: u8,
    },
    /// Forget that key.
    Remove {
        /// Its id.
        id: u8,
        /// Whether to do so although another node was last heard under it.
        #[serde(default)]
        force: bool,
    },
}

/// Why keys were not changed. Nothing has changed then, but for [`NotFinished`](Self::NotFinished) and [`Stopped`](Self::Stopped): after
/// those the file of secrets may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRefused {
    /// The node has no secret.
    NotSealed,
    /// Its secrets stand in the configuration itself.
    NotInAFile,
    /// It has no key of that id.
    Unknown {
        /// The id.
        id: u8,
    },
    /// It has another secret with the same id.
    IsThere {
        /// The id.
        id: u8,
    },
    /// It seals with that key.
    Seals {
        /// The id.
        id: u8,
    },
    /// Other nodes were last heard under that key.
    StillHeard {
        /// The id.
        id: u8,
        /// The nodes, by identifier.
        from: Vec<String>,
    },
    /// Other nodes were heard under no key since this one has had a secret, so that any key may be in use there next.
    NotHeard {
        /// The nodes, by identifier.
        from: Vec<String>,
    },
    /// A file could not be read or written.
    File {
        /// Which, and why.
        reason: String,
    },
    /// The file does not answer in time, and may still be changed.
    NotFinished,
    /// Another change is under way.
    Busy,
    /// The node has stopped.
    Stopped,
}

impl KeysStatus {
    /// What a node says of its keys; `None` where it has none.
    pub fn of(view: &View<'_>) -> Option<Self> {
        let KeysSnapshot { mode, ids, heard, turned_away } = view.snapshot.keys.as_deref()?;
        let heard_under = |key: Option<u8>| {
            let heard = heard.iter().filter(|(_, under)| *under == key);
            heard.map(|(identifier, _)| identifier.clone()).collect()
        };
        let key = |id: &u8| KeyStatus { id: *id, heard_from: heard_under(Some(*id)) };
        let turned_away = turned_away.iter().map(|TurnedAway { address, reason, at }| TurnedAwayStatus {
            address: *address,
            identifier: member_at(*address, view),
            reason: reason.name().into(),
            ms_ago: view.now.since(*at).as_millis(),
        });
        Some(Self {
            seal: *mode,
            keys: ids.iter().map(key).collect(),
            plain_from: heard_under(None),
            turned_away: turned_away.collect(),
        })
    }
}

/// The voter or member that is known to be at that address, by identifier.
fn member_at(address: SocketAddr, view: &View<'_>) -> Option<String> {
    let voter = view.snapshot.peers.iter().find(|peer| peer.address == Some(address));
    voter.map(|peer| view.subject.name_of(peer.position)).or_else(|| view.directory.member_at(address))
}

/// Why a key must not be removed: other nodes were last heard under it, or under none, in plain or not at all.
///
/// # Errors
/// Which nodes.
pub fn check_removal(id: u8, view: &View<'_>) -> Result<(), KeyRefused> {
    let Some(keys) = view.snapshot.keys.as_deref() else { return Ok(()) };
    if !keys.ids.contains(&id) || keys.ids.first() == Some(&id) {
        // Refused for that.
        return Ok(());
    }
    let under = keys.heard.iter().filter(|(_, key)| *key == Some(id));
    let from: Vec<String> = under.map(|(identifier, _)| identifier.clone()).collect();
    if !from.is_empty() {
        return Err(KeyRefused::StillHeard { id, from });
    }
    let voters = view.subject.voters.iter().map(|voter| voter.identifier.clone());
    let members = view.directory.members(view.now).map(|member| member.identifier);
    let has_left =
        |name: &str| view.directory.member(name, view.now).is_some_and(|member| member.state == State::Left.name());
    let mut unheard: BTreeSet<String> = voters.chain(members).filter(|name| !has_left(name)).collect();
    unheard.remove(&view.subject.me.identifier);
    for (heard, _) in keys.heard.iter().filter(|(_, key)| key.is_some()) {
        unheard.remove(heard);
    }
    let from = Vec::from_iter(unheard);
    if from.is_empty() { Ok(()) } else { Err(KeyRefused::NotHeard { from }) }
}

/// Members that were turned away within the last minute, one sentence each: they are there, and lack a key or a seal.
pub(super) fn turned_away<'a>(view: &'a View<'_>) -> impl Iterator<Item = String> + use<'a> {
    const RECENTLY: Span = Span::from_millis(60_000);
    let all = view.snapshot.keys.iter().flat_map(|keys| keys.turned_away.iter());
    let recent = all.filter(|away| view.now.since(away.at) < RECENTLY);
    recent.filter_map(|TurnedAway { address, reason, .. }| {
        let name = member_at(*address, view)?;
        Some(format!(
            "{name}: datagrams from its address {address} are turned away ({}): see qcluster keys list",
            reason.name()
        ))
    })
}

/// `GET /v1/keys`
pub(super) fn keys(call: &Call<'_>) -> Outcome {
    query::answered(query::only(call, &[]).map(|()| all(call.view)))
}

/// `POST /v1/keys`
pub(super) fn change(call: &Call<'_>) -> Outcome {
    let change = || {
        query::only(call, &[])?;
        call.view.access.check_shown(call.request)?;
        let change: KeyChange = serde_json::from_slice(call.request.body)
            .map_err(|error| query::bad(&format!("the body is no change of keys: {error}")))?;
        if matches!(change, KeyChange::Add { .. }) && !is_private(call) {
            return Err(Response::error(
                ErrorCode::Forbidden,
                "a secret would travel in the clear: add it on the node's own machine, or over TLS",
            ));
        }
        Ok(change)
    };
    change().map_or_else(Outcome::Respond, Outcome::ChangeKeys)
}

/// Behind a proxy nobody knows how the request came to that.
fn is_private(call: &Call<'_>) -> bool {
    match call.request.client {
        ClientKind::Loopback => true,
        ClientKind::Remote => call.request.is_encrypted,
        ClientKind::Forwarded => false,
    }
}

fn all(view: &View<'_>) -> Response {
    KeysStatus::of(view).map_or_else(|| refuse(&KeyRefused::NotSealed), |keys| Response::json(200, &keys))
}

/// The answer to a change of keys; `view` is taken afterwards.
pub fn conclude_keys(result: &Result<(), KeyRefused>, view: &View<'_>) -> Response {
    match result {
        Ok(()) => all(view),
        Err(refused) => refuse(refused),
    }
}

fn refuse(refused: &KeyRefused) -> Response {
    let code = match refused {
        KeyRefused::NotSealed => ErrorCode::NoKeys,
        KeyRefused::NotInAFile => ErrorCode::KeysFixed,
        KeyRefused::Unknown { .. } => ErrorCode::UnknownKey,
        KeyRefused::IsThere { .. }
        | KeyRefused::Seals { .. }
        | KeyRefused::StillHeard { .. }
        | KeyRefused::NotHeard { .. } => ErrorCode::KeyInUse,
        KeyRefused::File { .. } => ErrorCode::FileFailed,
        KeyRefused::NotFinished => ErrorCode::NotFinished,
        KeyRefused::Busy => ErrorCode::TooSoon,
        KeyRefused::Stopped => ErrorCode::Stopped,
    };
    Response::error(code, &refused.to_string())
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => f.write_str("this node has no secret, so there are no keys: set secret_file"),
            Self::NotInAFile => f.write_str(
                "the secrets stand in the configuration itself, which a node does not write: move them to a file, and name it in \
                 secret_file",
            ),
            Self::Unknown { id } => write!(f, "there is no key {id} here"),
            Self::IsThere { id } => {
                write!(f, "there is another secret with the same key id, {id}: make a new one")
            }
            Self::Seals { id } => write!(f, "key {id} seals what this node sends: use another one first"),
            Self::StillHeard { id, from } => write!(
                f,
                "last heard under key {id}: {}; use another key there first, or force this",
                from.join(", ")
            ),
            Self::NotHeard { from } => write!(
                f,
                "not heard under a key since this node has had a secret, so nobody knows which one is used there: {}; wait, or force this",
                from.join(", ")
            ),
            Self::File { reason } => f.write_str(reason),
            Self::NotFinished => f.write_str(
                "the file of secrets does not answer, and may still be changed: look at /v1/keys before you ask again",
            ),
            Self::Busy => f.write_str("files are being read, or keys changed, at this moment: ask again"),
            Self::Stopped => f.write_str("the node has stopped"),
        }
    }
}

impl core::error::Error for KeyRefused {}
