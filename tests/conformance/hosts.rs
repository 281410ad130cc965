//! Who tells the stories: each runtime starts nodes its own way, and has its own way to wait.

use std::time::Duration;

use qcluster::{Config, Handle, StartError};

/// An adapter, and a small application on its runtime.
pub(crate) trait Host: 'static {
    /// Whether its nodes serve HTTP.
    const SERVES: bool;

    /// Its nodes, on machines in memory.
    #[cfg(feature = "testing")]
    type InMemory: qcluster::testing::StartInMemory;

    /// Starts a node on a thread of its own.
    fn start(config: Config) -> impl Future<Output = Result<Handle, StartError>> + Send;

    /// Runs an application of one thread.
    fn block_on<T>(application: impl Future<Output = T>) -> T;

    /// Lets others have their turn.
    fn pause() -> impl Future<Output = ()> + Send;
}

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) struct Tokio;

impl Host for Tokio {
    #[cfg(feature = "testing")]
    type InMemory = qcluster::QCluster;

    const SERVES: bool = cfg!(feature = "http");

    async fn start(config: Config) -> Result<Handle, StartError> {
        qcluster::QCluster::start(config).await.map(|cluster| Handle::clone(&cluster))
    }

    fn block_on<T>(application: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(application)
    }

    async fn pause() {
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(feature = "smol")]
pub(crate) struct Smol;

#[cfg(feature = "smol")]
impl Host for Smol {
    #[cfg(feature = "testing")]
    type InMemory = qcluster::smol::QCluster;

    const SERVES: bool = cfg!(feature = "http");

    async fn start(config: Config) -> Result<Handle, StartError> {
        qcluster::smol::QCluster::start(config).await.map(|cluster| Handle::clone(&cluster))
    }

    fn block_on<T>(application: impl Future<Output = T>) -> T {
        smol::block_on(application)
    }

    async fn pause() {
        smol::Timer::after(PAUSE).await;
    }
}
