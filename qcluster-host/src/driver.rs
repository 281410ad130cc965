//! What a loop decides, whatever its runtime: it is told what has happened, gives that to the endpoint, and carries out
//! what that answers.
//!
//! The loop itself only waits; [`start`](crate::start) has it for adapters, and one that waits by other means keeps to this:
//!
//! 1. [`begin`](Driver::begin) once the sockets can send.
//! 2. Until [`round`](Driver::round) says that the node has stopped: start the lookups that it gives, then wait for the first of
//!    what [`waits`](Driver::waits) names and the end of a lookup, and tell the driver which it was.
//! 3. [`end`](Driver::end).

mod effects;
mod heard;
mod notes;
mod step;
#[cfg(test)]
mod witness;

use std::future::pending;
use std::time::Duration;

use qcluster_api::StorageStatus;
use qcluster_core::seal::Seal;
use qcluster_core::{Command, CommandRefused, DATAGRAM_MAX, Endpoint, FencingToken, Input, Span, Time};
use tokio::sync::mpsc;

use self::step::feed;
use crate::clock::Clock;
use crate::disk::{Disk, Report};
use crate::error::Stopped;
use crate::log;
use crate::measures::Measures;
use crate::names::{LookedUp, Lookup, Names, Reach};
use crate::process::Process;
use crate::publisher::Publisher;
use crate::recorder::Recorder;
use crate::requests::Request;
use crate::sockets::{DatagramSocket, Received, Sockets};
use crate::works::Works;
use effects::{Drain, Effects};
use heard::Heard;

/// Datagrams taken before timers and commands have their turn again.
const BATCH_MAX: usize = 64;

/// One byte more than fits a datagram, so that a longer one is seen to be longer.
const BUFFER_LEN: usize = DATAGRAM_MAX + 1;

/// What came to a loop from within the process.
#[derive(Debug)]
pub enum Arrival {
    /// A request; `None` once the last handle is gone.
    Request(Option<Request>),
    /// How a save goes.
    Disk(Report),
    /// The work of the leader has ended.
    Drained,
}

/// What a loop waits for from within the process.
#[derive(Debug)]
pub struct Inbox<'a> {
    requests: Option<&'a mut mpsc::Receiver<Request>>,
    disk: Option<&'a mut Disk>,
    works: Option<&'a Works>,
}

impl Inbox<'_> {
    /// Waits for the first of them. Cancelling the wait loses nothing.
    pub async fn next(self) -> Arrival {
        let Self { requests, disk, works } = self;
        // What comes seldom is asked first.
        tokio::select! {
            biased;
            request = or_never(requests.map(mpsc::Receiver::recv)) => Arrival::Request(request),
            report = or_never(disk.map(Disk::report)) => Arrival::Disk(report),
            () = or_never(works.map(Works::idle)) => Arrival::Drained,
        }
    }
}

async fn or_never<T>(wait: Option<impl Future<Output = T>>) -> T {
    match wait {
        Some(wait) => wait.await,
        None => pending().await,
    }
}

/// What a loop waits for.
#[derive(Debug)]
pub struct Waits<'a, S> {
    /// What comes from within the process.
    pub inbox: Inbox<'a>,
    /// The sockets, one of which may become readable.
    pub sockets: &'a Sockets<S>,
    /// Whether to wait for them: not for a moment after one has reported an error.
    pub is_receiving: bool,
    /// How long to wait at most. Never longer than a heartbeat: the runtime's timers do not count a suspended machine's
    /// time, and the node's clock does.
    pub longest_sleep: Duration,
}

/// A node, and everything that its loop owns.
pub struct Driver<S> {
    clock: Clock,
    endpoint: Endpoint,
    effects: Effects<S>,
    names: Names,
    requests: mpsc::Receiver<Request>,
    buffer: Box<[u8; BUFFER_LEN]>,
    /// What a sealed datagram held.
    opened: Vec<u8>,
    service: Service,
    snapshot_at: Time,
    /// A socket that reports nothing but errors is left alone until then.
    receive_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Running,
    ShuttingDown,
}

/// What a driver is made of, beside its sockets.
pub struct Parts {
    pub(crate) clock: Clock,
    pub(crate) endpoint: Endpoint,
    pub(crate) seal: Option<Seal>,
    pub(crate) disk: Option<Disk>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) publisher: Publisher,
    pub(crate) names: Names,
    pub(crate) requests: mpsc::Receiver<Request>,
}

impl<S: DatagramSocket> Driver<S> {
    /// A node that has said nothing yet.
    pub fn new(parts: Parts, sockets: Sockets<S>) -> Self {
        let Parts { clock, endpoint, seal, disk, recorder, publisher, names, requests } = parts;
        let (drain, failed) = (Drain::None, None);
        let storage = if disk.is_some() { StorageStatus::Durable } else { StorageStatus::Diskless };
        let measures = Measures::new(endpoint.node().rules().voters().len());
        Self {
            clock,
            endpoint,
            effects: Effects {
                sockets,
                seal,
                disk,
                recorder,
                publisher,
                measures,
                drain,
                failed,
                storage,
                disbelieved: None,
                heard: Heard::default(),
                process: Process::current(),
            },
            names,
            requests,
            buffer: Box::new([0; BUFFER_LEN]),
            opened: Vec::new(),
            service: Service::Running,
            snapshot_at: Time::ZERO,
            receive_at: Time::ZERO,
        }
    }

    /// Has the node say what it says of itself from the start.
    pub fn begin(&mut self, first: Vec<Command>) {
        for command in first {
            self.step(Input::Command(command));
        }
    }

    /// Does what is due, and gives the lookups that are to be started; `None` once the node has stopped.
    pub fn round(&mut self) -> Option<Vec<Lookup>> {
        if !self.effects.process.is_current() {
            return None;
        }
        let now = self.clock.now();
        // Looked at in every round, so that no flood of anything delays a heartbeat.
        let deadline = self.endpoint.deadline();
        if now >= deadline {
            self.effects.measures.deadline_over(deadline, now);
            self.step(Input::Timeout);
        }
        let lookups = self.lookups_at(now);
        self.snapshot(now);
        self.effects.publisher.directory_writer.publish(self.endpoint.node(), now);
        (!self.endpoint.node().is_stopped()).then_some(lookups)
    }

    /// Writes the last status down.
    pub fn end(mut self) {
        self.effects.publisher.stopping(Stopped::Shutdown);
        self.write_snapshot();
    }

    /// The node with its addresses, to look at.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The sockets, to wait for.
    pub fn sockets(&self) -> &Sockets<S> {
        &self.effects.sockets
    }

    /// What to wait for.
    pub fn waits(&mut self) -> Waits<'_, S> {
        let now = self.clock.now();
        let (is_receiving, longest_sleep) = (now >= self.receive_at, self.longest_sleep(now));
        let Self { effects, requests, service, .. } = self;
        let Effects { sockets, disk, publisher, drain, .. } = effects;
        let inbox = Inbox {
            requests: (*service == Service::Running).then_some(requests),
            disk: disk.as_mut(),
            works: (*drain == Drain::Waiting).then_some(&*publisher.works),
        };
        Waits { inbox, sockets, is_receiving, longest_sleep }
    }

    fn longest_sleep(&self, now: Time) -> Duration {
        let receive_at = if self.receive_at > now { self.receive_at } else { Time::NEVER };
        let deadline = self.endpoint.deadline().min(self.effects.publisher.directory_writer.deadline()).min(receive_at);
        Duration::from(deadline.since(now)).min(self.heartbeat())
    }

    /// The pause between heartbeats. So long the first lookups have before the node says its first word, which would have
    /// nowhere to go.
    pub fn heartbeat(&self) -> Duration {
        self.endpoint.node().rules().timing().heartbeat.into()
    }

    /// The lookups that are due, to be started.
    pub fn lookups(&mut self) -> Vec<Lookup> {
        self.lookups_at(self.clock.now())
    }

    fn lookups_at(&mut self, now: Time) -> Vec<Lookup> {
        let node = self.endpoint.node();
        let last_heard = |key| node.rules().index_of(key).and_then(|index| node.last_heard(index));
        self.names.begin_lookups(now, last_heard)
    }

    /// Whether a lookup is under way.
    pub fn is_looking_up(&self) -> bool {
        self.names.is_looking_up()
    }

    /// A lookup has ended.
    pub fn looked_up(&mut self, ended: LookedUp) {
        let (sockets, node) = (&self.effects.sockets, self.endpoint.node());
        let seen_at = node.member(node.rules().key()).and_then(|me| me.address);
        let reach = |address| match sockets.reaches(address) {
            _ if seen_at == Some(address) || sockets.is_own(address) => Reach::Itself,
            true => Reach::Other,
            false => Reach::None,
        };
        if let Some((peer, address)) = self.names.end_lookup(ended, reach) {
            // An address of a voter, of this node for others, or of somebody who may be a member.
            self.step(Input::Resolved { peer, address });
        }
    }

    /// Something came from within the process.
    pub fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Request(Some(request)) => self.serve(request),
            // The last handle is gone: nobody can ask for anything any more.
            Arrival::Request(None) => _ = self.command(Command::Shutdown),
            Arrival::Disk(report) => self.hear_disk(report),
            Arrival::Drained => {
                self.effects.drain = Drain::None;
                self.step(Input::Command(Command::Drained));
            }
        }
    }

    fn serve(&mut self, request: Request) {
        // The caller may have stopped waiting: nothing depends on an answer being heard.
        match request {
            Request::Command { command, reply } => {
                let result = self.command(command);
                let _ = reply.send(result);
            }
            Request::SetSeal { keyring, mode, nonce_prefix, reply } => {
                if self.effects.set_seal(keyring, mode, nonce_prefix) {
                    self.step(Input::SealChanged(mode));
                }
                self.write_snapshot();
                let _ = reply.send(());
            }
            Request::Join { host, port, reply } => {
                let _ = reply.send(self.names.add_seed(&host, port));
            }
        }
    }

    /// Has the node carry out a command. Gives the leadership that it ends, if it ends one.
    fn command(&mut self, command: Command) -> Result<Option<FencingToken>, CommandRefused> {
        let me = self.endpoint.node().rules().id();
        let ends = match &command {
            Command::Transfer(target) if target.as_ref() == Some(me) => None,
            Command::Transfer(_) | Command::StepDown => self.held(),
            _ => None,
        };
        // Of what it says about itself a node is not told.
        let is_about_itself = matches!(command, Command::SetMetadata(_));
        let is_of_registry = is_about_itself
            || matches!(command, Command::Register(_) | Command::Deregister { .. } | Command::Heartbeat { .. });
        if matches!(command, Command::Shutdown) {
            self.service = Service::ShuttingDown;
        }
        let result = feed(&mut self.endpoint, &mut self.effects, self.clock, Input::Command(command));
        if is_of_registry {
            self.effects.publisher.directory_writer.hurry(is_about_itself);
            self.effects.publisher.directory_writer.publish(self.endpoint.node(), self.clock.now());
        }
        result.map(|()| ends)
    }

    /// The leadership that this node holds.
    fn held(&self) -> Option<FencingToken> {
        self.endpoint.node().lease(self.clock.now()).map(|lease| lease.token)
    }

    fn hear_disk(&mut self, report: Report) {
        let now = self.clock.now();
        match report {
            Report::Saved(id) => {
                let took = self.effects.measures.saved(now);
                if let Some(took) = took {
                    log::saved(self.endpoint.node().rules().id(), took);
                }
                self.effects.tell_of_recovery(took.unwrap_or(Span::ZERO));
                self.step(Input::Persisted(id));
                self.effects.can_save(now, self.endpoint.node().slow());
            }
            Report::Failing(error) => self.effects.is_failing(&error),
            Report::Ended(under_way) => {
                self.effects.cannot_save();
                if let Some(id) = under_way {
                    self.step(Input::PersistFailed(id));
                }
            }
        }
    }

    /// Takes what the network has, up to a batch. Tells whether there may be more.
    pub fn receive(&mut self) -> bool {
        for _ in 0..BATCH_MAX {
            match self.effects.sockets.try_receive(self.buffer.as_mut_slice()) {
                Received::Datagram { len, from } => {
                    // Read after the datagram was received (E15), within `feed`.
                    let opened = self.effects.open(&self.buffer[..len], &mut self.opened);
                    let input = match opened {
                        Ok(bytes) => Input::Datagram { from, bytes },
                        Err(reason) => {
                            self.effects.heard.turned_away(from, reason, self.clock.now());
                            Input::Refused(reason)
                        }
                    };
                    let _ = feed(&mut self.endpoint, &mut self.effects, self.clock, input);
                }
                Received::Error => {
                    self.receive_at = self.clock.now() + Span::from_millis(1);
                    self.effects.sockets.turn();
                    return false;
                }
                Received::Nothing => return false,
            }
        }
        self.effects.sockets.turn();
        true
    }

    fn step(&mut self, input: Input<'_>) {
        // Only a command can be refused, and those of the loop itself are not.
        let _ = feed(&mut self.endpoint, &mut self.effects, self.clock, input);
    }
}

#[cfg(test)]
mod tests;
