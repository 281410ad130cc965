//! A whole host on the core's API: a socket, a file, one thread, and nothing but the standard library.
//!
//! `cargo run --example embed_std` runs three such nodes in one process, until one leads.

use std::error::Error;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use qcluster_core::{Command, Config, DATAGRAM_MAX, Endpoint, EndpointBoot, Input, NodeId, Notification, Output, Time};

/// What the application asks, from any thread. A host that is stalled renews nothing, and this turns false by itself.
#[derive(Clone)]
struct Lease {
    /// On Linux better one that counts suspend, `CLOCK_BOOTTIME`: see rule E15.
    origin: Instant,
    /// When the lease ends, in nanoseconds since `origin`; 0 while there is none.
    until: Arc<AtomicU64>,
}

impl Lease {
    fn now(&self) -> Time {
        Time::from_nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn is_held(&self) -> bool {
        // The end before the clock: a thread that is frozen between the two then says no.
        let until = self.until.load(Ordering::SeqCst);
        Time::from_nanos(until) > self.now()
    }
}

struct Host {
    endpoint: Endpoint,
    socket: UdpSocket,
    file: Option<PathBuf>,
    lease: Lease,
}

impl Host {
    fn start(config: &Config, socket: UdpSocket) -> Result<Self, Box<dyn Error>> {
        let file = config.data_dir.as_ref().map(|dir| PathBuf::from(dir).join("hard_state"));
        let saved = file.as_ref().filter(|file| file.exists()).map(fs::read).transpose()?;
        let mut settings = config.settings()?;
        if let Some(gossip) = &mut settings.gossip {
            gossip.advertise = Some(socket.local_addr()?);
        }
        let stamp_ms = u64::try_from(SystemTime::UNIX_EPOCH.elapsed()?.as_millis())?;
        let boot = EndpointBoot { seed: RandomState::new().build_hasher().finish(), stamp_ms, saved: saved.as_deref() };
        let lease = Lease { origin: Instant::now(), until: Arc::default() };
        let endpoint = Endpoint::new(settings.check()?, boot, lease.now())?;
        let mut host = Self { endpoint, socket, file, lease };
        for peer in &config.peers {
            let address = SocketAddr::new(peer.host.parse()?, peer.port);
            host.step(Input::Resolved { peer: NodeId::new(&peer.identifier)?.key(), address });
        }
        Ok(host)
    }

    /// Waits for a datagram until the deadline, and gives the node what came.
    fn turn(&mut self) -> io::Result<()> {
        // Never longer than a heartbeat: the system's timers stand still in a suspended machine.
        let heartbeat = Duration::from(self.endpoint.node().rules().timing().heartbeat);
        let left = Duration::from(self.endpoint.deadline().since(self.lease.now())).min(heartbeat);
        // A timeout of zero would be none at all.
        self.socket.set_read_timeout(Some(left.max(Duration::from_micros(1))))?;
        let mut buffer = [0; DATAGRAM_MAX + 1];
        // An error is the end of the wait, or the answer of a machine where nobody listens yet.
        if let Ok((len, from)) = self.socket.recv_from(&mut buffer) {
            self.step(Input::Datagram { from, bytes: &buffer[..len] });
        }
        if self.lease.now() >= self.endpoint.deadline() {
            self.step(Input::Timeout);
        }
        Ok(())
    }

    /// One step with all that follows from it. The clock is read here, after a datagram was received.
    fn step(&mut self, input: Input<'_>) {
        let mut follows = Vec::new();
        let mut outputs = self.endpoint.step(self.lease.now(), input);
        // A shorter lease is seen before anything is sent that lets others lead.
        let until = outputs.lease().map_or(0, |lease| lease.valid_until.as_nanos());
        self.lease.until.store(until, Ordering::SeqCst);
        while let Some(output) = outputs.next() {
            match output {
                // What is lost, the protocol sends again.
                Output::Transmit { to, bytes } => drop(self.socket.send_to(bytes, to)),
                Output::Persist { id, record } => {
                    let saved = self.file.as_ref().is_some_and(|file| save(file, record).is_ok());
                    follows.push(if saved { Input::Persisted(id) } else { Input::PersistFailed(id) });
                }
                // Nothing runs under the lease that would have to end first.
                Output::Notify(Notification::Draining { .. }) => follows.push(Input::Command(Command::Drained)),
                Output::Notify(notification) => println!("{notification}"),
            }
        }
        for input in follows {
            self.step(input);
        }
    }
}

/// All or nothing, and on disk when this returns.
fn save(path: &PathBuf, record: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(record).and_then(|()| file.sync_all())?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let sockets = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0")).collect::<io::Result<Vec<_>>>()?;
    let ports = sockets.iter().map(|socket| Ok(socket.local_addr()?.port())).collect::<io::Result<Vec<_>>>()?;
    let config = |place: usize| Config::new(format!("server_{place}"), "127.0.0.1", ports[place]);
    let mut hosts = Vec::new();
    for (place, socket) in sockets.into_iter().enumerate() {
        let others = (0..3).filter(|other| *other != place).map(|other| config(other).as_peer());
        hosts.push(Host::start(&config(place).with_peers(others), socket)?);
    }
    let leases: Vec<Lease> = hosts.iter().map(|host| host.lease.clone()).collect();
    let (is_over, patience) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(60));
    let one_leads = thread::scope(|threads| {
        for mut host in hosts {
            let is_over = &is_over;
            threads.spawn(move || {
                while !is_over.load(Ordering::SeqCst) && host.turn().is_ok() {}
                // The others need not wait for the lease to end.
                host.step(Input::Command(Command::Shutdown));
                while !host.endpoint.node().is_stopped() && host.turn().is_ok() {}
            });
        }
        let mut one_leads = false;
        while !one_leads && Instant::now() < patience {
            thread::sleep(Duration::from_millis(1));
            one_leads = leases.iter().any(Lease::is_held);
        }
        is_over.store(true, Ordering::SeqCst);
        one_leads
    });
    if one_leads { Ok(()) } else { Err("nobody leads".into()) }
}
