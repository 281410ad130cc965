//! What happens to members, services and the leader, as applications follow it.

use std::fmt;
use std::sync::Arc;

use qcluster_api::{Since, WatchEvent};
use tokio::sync::watch;

use crate::error::Stopped;
use crate::view::View;

/// Follows what happens. Holds no handle: the node may stop meanwhile.
#[derive(Debug)]
pub struct Watch {
    view: Arc<View>,
    news: watch::Receiver<u64>,
    index: u64,
}

impl Watch {
    /// From what the view shows now.
    pub(crate) fn new(view: &Arc<View>) -> Self {
        let news = view.news();
        Self { index: view.directory().index(), view: Arc::clone(view), news }
    }

    /// What happened since the last call, oldest first; waits until something has.
    ///
    /// # Errors
    /// Too much has happened since: re-read everything. The next call goes on from here. Or the node has stopped.
    pub async fn next(&mut self) -> Result<Vec<Arc<WatchEvent>>, WatchError> {
        loop {
            self.news.borrow_and_update();
            match self.view.directory().since(self.index) {
                Since::Unknown(index) => {
                    self.index = index;
                    return Err(WatchError::Missed);
                }
                Since::Events(events) => {
                    if let Some(last) = events.last() {
                        self.index = last.index;
                        return Ok(events);
                    }
                }
            }
            self.news.changed().await.map_err(|_| WatchError::Stopped(self.view.why_stopped()))?;
        }
    }
}

/// Why a watch has nothing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchError {
    /// More happened than is remembered.
    Missed,
    /// The node has stopped.
    Stopped(Stopped),
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed => f.write_str("events were dropped: re-read the state, then continue watching"),
            Self::Stopped(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for WatchError {}
