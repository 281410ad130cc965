//! What a node begins with: from its configuration, from the system, and from what it saved last.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use qcluster_api::{Access, Subject};
use qcluster_core::config::ApiToken;
use qcluster_core::{BootError, Command, Config, Endpoint, EndpointBoot, Peer, Rules, Service, Time};

use crate::disk::{Saved, Store};
use crate::error::StartError;

/// What is read of a token file. Its first line is much shorter.
const TOKEN_FILE_LEN_MAX: u64 = 4_096;

/// What the node says of itself and its services as soon as it runs.
pub fn first_words(config: &Config, services: Vec<Service>) -> Vec<Command> {
    let services = services.into_iter().map(Command::Register);
    [Command::SetMetadata(config.metadata.clone())].into_iter().chain(services).collect()
}

/// Whether the configuration names other nodes.
fn expects_others(config: &Config) -> bool {
    config.all_peers().next().is_some() || config.join_addresses().next().is_some()
}

/// The token in the first line of the file. Blocks.
///
/// # Errors
/// The file cannot be read, or its first line is no token.
pub fn read_token(path: &str) -> Result<ApiToken, StartError> {
    let unusable = |reason: String| StartError::TokenFile { path: path.into(), reason };
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(TOKEN_FILE_LEN_MAX).read_to_string(&mut text));
    read.map_err(|error| unusable(error.to_string()))?;
    ApiToken::new(text.lines().next().unwrap_or_default().trim()).map_err(unusable)
}

/// The seed, the boot stamp and the saved record that a node begins with.
///
/// # Errors
/// The system has no random numbers.
pub fn values(opened: Option<&(Store, Saved)>) -> Result<EndpointBoot<'_>, StartError> {
    let seed = getrandom::u64().map_err(|error| StartError::System(io::Error::other(error.to_string())))?;
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stamp_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let saved = opened.and_then(|(_, saved)| match saved {
        Saved::Nothing => None,
        Saved::Record(record) => Some(record.as_slice()),
    });
    Ok(EndpointBoot { seed, stamp_ms, saved })
}

/// The node itself, before its first input.
///
/// # Errors
/// The wall clock or the saved record cannot be used: the error says what to do about it.
pub fn endpoint(
    rules: &Arc<Rules>,
    values: EndpointBoot<'_>,
    now: Time,
    opened: Option<&(Store, Saved)>,
) -> Result<Endpoint, StartError> {
    Endpoint::new(Arc::clone(rules), values, now).map_err(|error| match error {
        BootError::StampTooLarge(_) | BootError::SavedButDiskless | BootError::StepBack => StartError::Boot(error),
        BootError::Record(_) => {
            let path = opened.map(|(store, _)| store.path().to_owned()).unwrap_or_default();
            StartError::Record { path, error }
        }
    })
}

/// This node as others should see it, with the port that was bound.
fn me(config: &Config, port: u16) -> Peer {
    let me = config.as_peer();
    Peer { port: config.advertise_port.unwrap_or(port), ..me }
}

/// What is known of each voter, in the order of the rules.
fn voters(config: &Config, me: &Peer, rules: &Rules) -> Vec<Arc<Peer>> {
    let known = |id: &str| config.all_peers().chain([me]).find(|peer| peer.identifier == id);
    rules.voters().iter().filter_map(|voter| known(voter.id.as_str())).cloned().map(Arc::new).collect()
}

/// What a node tells of itself and its configuration. `port` is the one that was bound, on these addresses.
pub fn subject(
    config: Config,
    token: Option<ApiToken>,
    rules: Arc<Rules>,
    listen: Vec<SocketAddr>,
    port: u16,
) -> Subject {
    let me = me(&config, port);
    let voters = voters(&config, &me, &rules);
    let (access, expects_others) = (Access::new(&config, token), expects_others(&config));
    Subject { me: Arc::new(me), cluster: config.cluster, voters, rules, listen, access, expects_others }
}
