//! Members and services, as applications read, watch and change them.

use qcluster_api::{MemberInfo, ServiceInfo};
use qcluster_core::{Command, Health, Metadata, Service};
use tokio::sync::oneshot;

use super::Handle;
use crate::error::{CommandError, JoinError};
use crate::requests::{Request, ask};
use crate::watch::Watch;

/// Three kinds of methods: those that read never wait and show what the node knew a moment ago; [`watch`](Self::watch)
/// follows what happens; the others wait until the node has done, or refused, what is asked. What a node registers is seen
/// by itself at once, and by the others within about a second.
impl Handle {
    /// All members by identifier, this node among them: those that are down or have left for as long as they are
    /// remembered, a day.
    pub fn members(&self) -> Vec<MemberInfo> {
        self.view.directory().members(self.view.now()).collect()
    }

    /// The instances of that service on nodes that are there, whatever their health, by node and identifier.
    ///
    /// After most members have vanished at once, theirs are among them (G9): see
    /// [`view_is_trusted`](Self::view_is_trusted).
    pub fn services(&self, name: &str) -> Vec<ServiceInfo> {
        self.view.directory().services(Some(name)).collect()
    }

    /// All instances of all services.
    pub fn all_services(&self) -> Vec<ServiceInfo> {
        self.view.directory().services(None).collect()
    }

    /// The `count` members that own `key`, the first owner first (G11): nodes that see the same members name the same, and
    /// when a member goes, only its own keys move. Fewer, if there are fewer members.
    pub fn owners(&self, key: &str, count: usize) -> Vec<String> {
        self.view.directory().owners(key.as_bytes(), count)
    }

    /// Whether what this node sees of the others can be relied on: not, after most members vanished at once (G9).
    pub fn view_is_trusted(&self) -> bool {
        self.view.directory().is_trusted()
    }

    /// What happens to members, services and the leader, from now on, once the lists above show it.
    pub fn watch(&self) -> Watch {
        Watch::new(&self.view)
    }

    /// Registers a service on this node, in place of the one with its identifier. It counts as a heartbeat.
    ///
    /// # Errors
    /// The service is not as it has to be, or there is no room for it: nothing has changed. Or the node has stopped.
    pub async fn register(&self, service: Service) -> Result<(), CommandError> {
        self.ask(Command::Register(service)).await
    }

    /// Ends a service of this node.
    ///
    /// # Errors
    /// There is none of that identifier: nothing has changed. Or the node has stopped.
    pub async fn deregister(&self, id: &str) -> Result<(), CommandError> {
        self.ask(Command::Deregister { id: id.into() }).await
    }

    /// Says that a service lives, and how it is, if that is said: what has a time to live has to be heard of that often.
    ///
    /// # Errors
    /// There is none of that identifier, or it has no time to live and nothing was said: nothing has changed. Or the node
    /// has stopped.
    pub async fn heartbeat(&self, id: &str, health: Option<Health>) -> Result<(), CommandError> {
        self.ask(Command::Heartbeat { id: id.into(), health }).await
    }

    /// What this node says about itself from now on.
    ///
    /// # Errors
    /// It is too long: nothing has changed. Or the node has stopped.
    pub async fn set_metadata(&self, metadata: Metadata) -> Result<(), CommandError> {
        self.ask(Command::SetMetadata(metadata)).await
    }

    /// Has this node try an address until somebody there is a member, and again whenever nobody there is.
    ///
    /// # Errors
    /// There is no room for another address; or the node has stopped.
    pub async fn join(&self, host: &str, port: u16) -> Result<(), JoinError> {
        let stopped = || JoinError::Stopped(self.view.why_stopped());
        let (reply, answer) = oneshot::channel();
        let request = Request::Join { host: host.into(), port, reply };
        self.requests.send(request).await.map_err(|_| stopped())?;
        let fits = answer.await.map_err(|_| stopped())?;
        if fits { Ok(()) } else { Err(JoinError::TooMany) }
    }

    async fn ask(&self, command: Command) -> Result<(), CommandError> {
        ask(&self.view, &self.requests, command).await.map(|_| ())
    }
}
