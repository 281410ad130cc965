//! Clusters in memory, for the tests of applications in Python.

use std::sync::Arc;

use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use qcluster::testing::TestCluster;
use qcluster::{Config, Handle, QCluster};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, MutexGuard};

use crate::config;
use crate::failure::Failure;
use crate::kept::Kept;
use crate::node::{Node, read};
use crate::operation::Shared;
use crate::wait::block_on;

/// Nodes in memory that a test kills, cuts off and freezes.
#[pyclass(frozen, name = "TestCluster", module = "qcluster._qcluster")]
pub(crate) struct Cluster {
    count: usize,
    nodes: Kept<Shared<TestCluster<QCluster>>>,
}

impl Cluster {
    fn nodes<'a>(&'a self, py: Python<'_>, index: Option<usize>) -> PyResult<&'a Shared<TestCluster<QCluster>>> {
        if let Some(index) = index.filter(|index| *index >= self.count) {
            return Err(PyIndexError::new_err(format!("there is no server_{index} among {} nodes", self.count)));
        }
        self.nodes.get().map_err(|failure| failure.into_exception(py))
    }

    /// The cluster at once: nobody else has it for longer than a kill or a restart takes.
    fn look<'a>(&'a self, py: Python<'_>, index: Option<usize>) -> PyResult<MutexGuard<'a, TestCluster<QCluster>>> {
        let busy = |_| Failure::Misused("a node is being killed or restarted").into_exception(py);
        self.nodes(py, index)?.try_lock().map_err(busy)
    }
}

#[pymethods]
impl Cluster {
    /// Starts that many voters, each with what `configuration`, an object of JSON, says beside its name, place and peers.
    #[new]
    fn new(py: Python<'_>, count: usize, configuration: &str) -> PyResult<Self> {
        // What `start_with` does with it is tried beforehand, since it cannot say no.
        read(py, &with(&Config::new("server_0", "127.0.0.1", 7_001), configuration))?;
        let text = configuration.to_owned();
        let configure = move |config: Config| config::read(&with(&config, &text)).unwrap_or(config);
        let started = block_on(py, TestCluster::<QCluster>::start_with(count, configure))?;
        let nodes = started.map_err(|error| Failure::from(error).into_exception(py))?;
        Ok(Self { count, nodes: Kept::new(Arc::new(Mutex::new(nodes))) })
    }

    /// A node; nothing where it was killed.
    fn node(&self, py: Python<'_>, index: usize) -> PyResult<Option<Node>> {
        let nodes = self.look(py, Some(index))?;
        let running = nodes.nodes().find(|(at, _)| *at == index);
        Ok(running.map(|(_, node)| Node::new(Handle::clone(node))))
    }

    /// The node that leads, runs and is linked to most of the others.
    fn leader(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        Ok(self.look(py, None)?.leader())
    }

    /// Ends a node as a crash would.
    fn kill(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        let nodes = self.nodes(py, Some(index))?;
        block_on(py, async { nodes.lock().await.kill(index).await })
    }

    /// Starts a node again.
    fn restart(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        let nodes = self.nodes(py, Some(index))?;
        let started = block_on(py, async { nodes.lock().await.restart(index).await })?;
        started.map_err(|error| Failure::from(error).into_exception(py))
    }

    /// Cuts a node off from all others.
    fn cut(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        self.look(py, Some(index))?.cut(index);
        Ok(())
    }

    /// Cuts the link between two nodes.
    fn cut_between(&self, py: Python<'_>, one: usize, other: usize) -> PyResult<()> {
        self.look(py, Some(one.max(other)))?.cut_between(one, other);
        Ok(())
    }

    /// Takes all cuts back.
    fn heal(&self, py: Python<'_>) -> PyResult<()> {
        self.look(py, None)?.heal();
        Ok(())
    }

    /// Has a node stand still.
    fn freeze(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        self.look(py, Some(index))?.freeze(index);
        Ok(())
    }

    /// Has a frozen node go on.
    fn thaw(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        self.look(py, Some(index))?.thaw(index);
        Ok(())
    }

    /// The states of all nodes, for messages.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("TestCluster({:?})", *self.look(py, None)?))
    }
}

/// A configuration with those fields in place of its own, as JSON.
fn with(config: &Config, fields: &str) -> String {
    let own = serde_json::to_value(config).ok().and_then(|value| value.as_object().cloned());
    let more: Map<String, Value> = serde_json::from_str(fields).unwrap_or_default();
    let mut all = own.unwrap_or_default();
    all.extend(more);
    Value::Object(all).to_string()
}
