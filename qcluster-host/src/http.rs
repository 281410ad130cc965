//! HTTP on the cluster's port number, whatever the runtime: what is accepted, how long a connection lives, and what is
//! answered over it. Answers come from what the loop has made known. Everything that a client can make use of has a limit.
//!
//! An adapter gives its [`Listener`]s, whose connections are [`Stream`]s, and a way to spawn, on a thread that it does not share with the loop: requests never
//! delay the node, and a loop that stands still never delays a health check.

mod connection;
mod exchange;
mod metrics;
mod places;
mod server;
mod stream;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod watchers;

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::requests::Request;
use crate::runtime::Runtime;
use crate::view::View;
use exchange::Site;

#[cfg(unix)]
pub use server::is_awaited;
pub use server::{Listener, serve};
pub use stream::Stream;

/// The life of one connection. Dropped, the connection is cut.
pub type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a server tells of: a node, and the way to ask it for something.
pub struct Served(Arc<Site>);

impl Served {
    /// The node that a view is of. Requests are held weakly, so that the node stops with the last handle of the application.
    pub fn new(view: Arc<View>, requests: mpsc::WeakSender<Request>, runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Site::new(view, requests, runtime)))
    }
}
