//! A running node, as Python asks it.

use pyo3::prelude::*;
use qcluster::{Config, Handle, Health, QCluster, Service};

use crate::config;
use crate::failure::Failure;
use crate::follow::Follower;
use crate::kept::Kept;
use crate::lease::HeldLease;
use crate::operation::{Operation, Output, json};
use crate::wait::{block_on, seconds};
use crate::work::LeaderWork;

/// A running node. It stops when the last of these is gone, and hands over what it leads.
#[pyclass(frozen, weakref, module = "qcluster._qcluster")]
pub(crate) struct Node(Kept<Handle>);

/// Starts a node from a configuration in JSON: checks it, binds the port, reads `data_dir`.
#[pyfunction]
pub(crate) fn start(py: Python<'_>, configuration: &str) -> PyResult<Node> {
    let config = read(py, configuration)?;
    let started = block_on(py, QCluster::start(config))?;
    let cluster = started.map_err(|error| Failure::from(error).into_exception(py))?;
    Ok(Node::new(Handle::clone(&cluster)))
}

/// Looks for mistakes in a configuration in JSON, and starts nothing.
#[pyfunction]
pub(crate) fn check(py: Python<'_>, configuration: &str) -> PyResult<()> {
    read(py, configuration).map(drop)
}

/// A configuration in JSON.
pub(crate) fn read(py: Python<'_>, configuration: &str) -> PyResult<Config> {
    config::read(configuration).map_err(|mistakes| Failure::Config(mistakes).into_exception(py))
}

impl Node {
    pub(crate) fn new(handle: Handle) -> Self {
        Self(Kept::new(handle))
    }

    fn handle(&self, py: Python<'_>) -> PyResult<&Handle> {
        self.0.get().map_err(|failure| failure.into_exception(py))
    }

    /// Begins something that takes a while.
    fn begin<F>(&self, py: Python<'_>, what: impl FnOnce(Handle) -> F) -> PyResult<Operation>
    where
        F: Future<Output = Output> + Send + 'static,
    {
        Ok(Operation::new(what(self.handle(py)?.clone())))
    }
}

/// What gives an operation asks the node for something; the rest is read, and never waits.
#[pymethods]
impl Node {
    /// Whether the node holds the lease at this instant. In a child process it is false when the lease of the fork is over, at the latest.
    fn is_leader(&self) -> bool {
        self.0.anywhere().is_some_and(Handle::is_leader)
    }

    /// The lease, if the node holds it at this instant.
    fn lease(&self, py: Python<'_>) -> PyResult<Option<HeldLease>> {
        Ok(self.handle(py)?.lease().map(HeldLease))
    }

    /// Who leads as far as the node knows, as JSON.
    fn leader_info(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.handle(py)?.leader_info().map(|peer| json(&peer)))
    }

    /// Who leads according to other members, as JSON.
    fn reported_leader(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.handle(py)?.reported_leader().map(|peer| json(&peer)))
    }

    /// The node as others see it, as JSON.
    fn me(&self, py: Python<'_>) -> PyResult<String> {
        Ok(json(self.handle(py)?.me()))
    }

    /// All members, as JSON.
    fn members(&self, py: Python<'_>) -> PyResult<String> {
        Ok(json(&self.handle(py)?.members()))
    }

    /// The instances of one service or of all, as JSON.
    #[pyo3(signature = (name=None))]
    fn services(&self, py: Python<'_>, name: Option<&str>) -> PyResult<String> {
        let handle = self.handle(py)?;
        Ok(json(&name.map_or_else(|| handle.all_services(), |name| handle.services(name))))
    }

    /// The identifiers of the members that own a key, the first owner first.
    fn owners(&self, py: Python<'_>, key: &str, count: usize) -> PyResult<Vec<String>> {
        Ok(self.handle(py)?.owners(key, count))
    }

    /// Whether the view of the others can be relied on.
    fn view_is_trusted(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.handle(py)?.view_is_trusted())
    }

    /// What an operator wants to know, as JSON.
    fn status(&self, py: Python<'_>) -> PyResult<String> {
        Ok(json(&self.handle(py)?.status()))
    }

    /// The name of why the node has stopped, if it has.
    fn why_stopped(&self) -> Option<&'static str> {
        match self.0.get() {
            Ok(handle) => handle.why_stopped().map(qcluster::Stopped::name),
            Err(_) => Some(qcluster::Stopped::Forked.name()),
        }
    }

    /// Follows members, services and the leader.
    fn watch(&self, py: Python<'_>) -> PyResult<Follower> {
        Ok(Follower::watch(self.handle(py)?.watch()))
    }

    /// Follows all events.
    fn events(&self, py: Python<'_>) -> PyResult<Follower> {
        Ok(Follower::events(self.handle(py)?.events()))
    }

    /// Work that runs while the node leads, and ends that many seconds before the lease can.
    #[pyo3(signature = (guard=None))]
    fn leader_work(&self, py: Python<'_>, guard: Option<f64>) -> PyResult<LeaderWork> {
        Ok(LeaderWork::new(self.handle(py)?.clone(), seconds(guard)))
    }

    /// Registers a service, given as JSON.
    fn register(&self, py: Python<'_>, service: &str) -> PyResult<Operation> {
        let invalid = |error: serde_json::Error| {
            Failure::Refused { code: "invalid_service", message: error.to_string() }.into_exception(py)
        };
        let service: Service = serde_json::from_str(service).map_err(invalid)?;
        self.begin(py, |node| async move { done(node.register(service).await) })
    }

    /// Ends a service.
    fn deregister(&self, py: Python<'_>, id: String) -> PyResult<Operation> {
        self.begin(py, |node| async move { done(node.deregister(&id).await) })
    }

    /// Says that a service lives.
    #[pyo3(signature = (id, health=None))]
    fn heartbeat(&self, py: Python<'_>, id: String, health: Option<&str>) -> PyResult<Operation> {
        let invalid = |error: serde_json::Error| {
            Failure::Refused { code: "invalid_service", message: error.to_string() }.into_exception(py)
        };
        let health: Option<Health> = serde_json::from_value(health.into()).map_err(invalid)?;
        self.begin(py, |node| async move { done(node.heartbeat(&id, health).await) })
    }

    /// Has the node try an address until somebody there is a member.
    fn join(&self, py: Python<'_>, host: String, port: u16) -> PyResult<Operation> {
        self.begin(py, |node| async move { done(node.join(&host, port).await) })
    }

    /// Hands the leadership over.
    #[pyo3(signature = (target=None))]
    fn transfer_leadership(&self, py: Python<'_>, target: Option<String>) -> PyResult<Operation> {
        self.begin(py, |node| async move { done(node.transfer_leadership(target.as_deref()).await) })
    }

    /// Gives the leadership up.
    fn step_down(&self, py: Python<'_>) -> PyResult<Operation> {
        self.begin(py, |node| async move { done(node.step_down().await) })
    }

    /// Reads files of tokens, secrets and certificates again.
    fn reload(&self, py: Python<'_>) -> PyResult<Operation> {
        self.begin(py, |node| async move { done(node.reload().await) })
    }

    /// Waits until a leader is known; gives it as JSON.
    fn wait_for_leader(&self, py: Python<'_>) -> PyResult<Operation> {
        self.begin(py, |node| async move { Ok(Some(json(&node.wait_for_leader().await?))) })
    }

    /// Hands over, says goodbye and stops the node.
    fn shutdown(&self, py: Python<'_>) -> PyResult<Operation> {
        self.begin(py, |node| async move {
            node.shutdown().await;
            Ok(None)
        })
    }

    /// Stops the node as a crash would.
    fn abort(&self, py: Python<'_>) -> PyResult<Operation> {
        self.begin(py, |node| async move {
            node.abort().await;
            Ok(None)
        })
    }
}

/// What Python is told of something that gives nothing.
fn done<E: Into<Failure>>(result: Result<(), E>) -> Output {
    result.map(|()| None).map_err(Into::into)
}
