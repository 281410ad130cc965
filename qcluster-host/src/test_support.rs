//! What tests share: a node's public side without a loop behind it, and patience that ends.

use std::sync::Arc;
use std::time::Duration;

use qcluster_api::Access;
use qcluster_core::{Config, FencingToken, HeldLease, Lapse, LostReason, Notification, Span, Time, TimingValues};
use tokio::sync::oneshot;

use crate::boot;
use crate::clock::Clock;
use crate::credentials::{Credentials, Sources};
use crate::event::{Event, EventKind, Events};
use crate::publisher::Publisher;
use crate::view::View;

/// Longer than anything here takes on any machine: a test that waits this long has found a bug.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tokio runtime around a test.
#[cfg(test)]
#[derive(Debug)]
pub struct TestRuntime;

#[cfg(test)]
impl crate::runtime::Runtime for TestRuntime {
    fn sleep(&self, duration: Duration) -> crate::runtime::Sleep {
        Box::pin(tokio::time::sleep(duration))
    }

    fn look_up(&self, _: String, _: u16) -> crate::runtime::LookingUp {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// A minute of lease, so that no pause of the machine decides a test.
pub fn slow(config: Config) -> Config {
    config.with_timing(TimingValues::default().with_heartbeat_ms(1_000).with_lease_ms(60_000))
}

/// A node whose loop is the test.
pub struct Puppet {
    /// Its reading side.
    pub view: Arc<View>,
    /// Its writing side.
    pub publisher: Publisher,
    /// Its clock.
    pub clock: Clock,
}

impl Default for Puppet {
    fn default() -> Self {
        Self::new()
    }
}

impl Puppet {
    /// One voter alone.
    pub fn new() -> Self {
        Self::of(Config::new("server_a", "localhost", 7001))
    }

    /// With a configuration, but for its timing.
    pub fn of(config: Config) -> Self {
        let config = slow(config);
        let rules = Arc::new(config.settings().unwrap().check().unwrap());
        let clock = Clock::start();
        let sources = Sources::of(&config);
        let access = Access::new(&config, sources.tokens().unwrap());
        let tls = sources.read_tls().unwrap();
        let credentials = Credentials::new(&config, sources, tls);
        let port = config.listen_port;
        let subject = boot::subject(config, rules, Vec::new(), port);
        let (view, mut publisher) = View::new(subject, access, credentials, clock, 0);
        publisher.snapshots.write(|notes| notes.snapshot.taken_at = clock.now());
        Self { view, publisher, clock }
    }

    /// Gives it a lease, or more of it.
    pub fn hold(&mut self, token: u64, millis: u64) {
        self.publisher.lease(Some(lease(self.clock, token, millis)));
    }

    /// Has it elected, with a lease of so many milliseconds.
    pub fn elect(&mut self, token: u64, millis: u64) {
        self.hold(token, millis);
        self.notify(Notification::Elected { token: FencingToken(token) });
    }

    /// Has it hand over.
    pub fn drain(&mut self) {
        self.notify(Notification::Draining { until: Time::NEVER });
    }

    /// Has it lose its lease.
    pub fn lose(&mut self, token: u64) {
        self.publisher.lease(None);
        let (token, reason, lapse) = (FencingToken(token), LostReason::NoQuorum, Lapse::default());
        self.notify(Notification::Lost { token, reason, lapse });
    }

    /// Publishes what the core would say.
    pub fn notify(&mut self, notification: Notification) {
        self.publisher.notify(self.clock.now(), notification, None);
    }
}

/// A lease of `millis` from now on.
pub fn lease(clock: Clock, token: u64, millis: u64) -> HeldLease {
    let valid_until = clock.now() + Span::from_millis(millis);
    HeldLease { token: FencingToken(token), valid_until }
}

/// Waits for something that is sure to come, in any runtime: a thread keeps the time.
pub async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let (call, called) = oneshot::channel::<()>();
    let (_waiting, ended) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        // Either the patience ends here, or the wait does.
        let _ = ended.recv_timeout(PATIENCE);
        drop(call);
    });
    tokio::select! {
        biased;
        output = what => output,
        _ = called => panic!("it never came"),
    }
}

/// Waits for a change of that kind.
pub async fn until(changes: &mut Events, wanted: impl Fn(&EventKind) -> bool) -> Event {
    let search = async {
        loop {
            let change = changes.next().await.expect("the node stopped first");
            if wanted(&change.kind) {
                return change;
            }
        }
    };
    in_time(search).await
}
