//! What happens, as Python follows it: each step is asked for, and what nobody asks for is dropped by the node and told as missed.

use std::sync::Arc;

use pyo3::prelude::*;
use qcluster::{Events, Watch, WatchError};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::kept::Kept;
use crate::operation::{Operation, Output, Shared, json};

/// Follows what happens. Holds no node: that may stop meanwhile.
#[pyclass(frozen, module = "qcluster._qcluster")]
pub(crate) struct Follower(Kept<Followed>);

#[derive(Clone)]
enum Followed {
    Watch(Shared<Watch>),
    Events(Shared<Events>),
}

impl Follower {
    pub(crate) fn watch(watch: Watch) -> Self {
        Self(Kept::new(Followed::Watch(Arc::new(Mutex::new(watch)))))
    }

    pub(crate) fn events(events: Events) -> Self {
        Self(Kept::new(Followed::Events(Arc::new(Mutex::new(events)))))
    }
}

#[pymethods]
impl Follower {
    /// What happened since the last time, as a list in JSON; nothing once the node has stopped. Cancelled, it loses nothing.
    fn next(&self, py: Python<'_>) -> PyResult<Operation> {
        let followed = self.0.get().cloned().map_err(|failure| failure.into_exception(py))?;
        Ok(Operation::new(async move {
            match followed {
                Followed::Watch(watch) => changes(&mut *watch.lock().await).await,
                Followed::Events(events) => event(&mut *events.lock().await).await,
            }
        }))
    }
}

async fn changes(watch: &mut Watch) -> Output {
    match watch.next().await {
        Ok(changes) => Ok(Some(json(&changes.iter().map(AsRef::as_ref).collect::<Vec<_>>()))),
        Err(WatchError::Stopped(why)) => Err(why.into()),
        // It has missed some, and goes on.
        Err(_) => Ok(Some(r#"[{"kind":"missed"}]"#.to_owned())),
    }
}

async fn event(events: &mut Events) -> Output {
    Ok(events.next().await.map(|event| Value::Array(vec![Value::Object(event.to_json())]).to_string()))
}
