//! The loop around the endpoint: it waits for what happens, tells the endpoint, and carries out what that answers.

mod effects;
mod notes;

use std::future::pending;
use std::time::Duration;

use qcluster_core::{Command, CommandRefused, DATAGRAM_MAX, Endpoint, FencingToken, Input, Output, Span, Time};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::names::{Found, Names};
use crate::sockets::{Received, Sockets};
use effects::{Drain, Effects};
use qcluster_host::clock::Clock;
use qcluster_host::disk::{Disk, Done};
use qcluster_host::error::Stopped;
use qcluster_host::log;
use qcluster_host::measures::Measures;
use qcluster_host::publisher::Publisher;
use qcluster_host::recorder::Recorder;
use qcluster_host::requests::Request;

/// Datagrams taken before timers and commands have their turn again.
const BATCH_MAX: usize = 64;

/// One byte more than fits a datagram, so that a longer one is seen to be longer.
const BUFFER_LEN: usize = DATAGRAM_MAX + 1;

/// Why the loop goes on.
#[derive(Debug)]
enum Woken {
    Request(Option<Request>),
    Saved(Done),
    Found(Option<Found>),
    Drained,
    Readable,
    Timer,
}

/// Everything that the loop owns.
pub(crate) struct Driver {
    clock: Clock,
    endpoint: Endpoint,
    effects: Effects,
    names: Names,
    requests: mpsc::Receiver<Request>,
    buffer: Box<[u8; BUFFER_LEN]>,
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

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) endpoint: Endpoint,
    pub(crate) sockets: Sockets,
    pub(crate) disk: Option<Disk>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) publisher: Publisher,
    pub(crate) names: Names,
    pub(crate) requests: mpsc::Receiver<Request>,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { clock, endpoint, sockets, disk, recorder, publisher, names, requests } = parts;
        let (drain, failed, storage_error) = (Drain::None, None, None);
        let measures = Measures::new(endpoint.node().rules().voters().len());
        Self {
            clock,
            endpoint,
            effects: Effects { sockets, disk, recorder, publisher, measures, drain, failed, storage_error },
            names,
            requests,
            buffer: Box::new([0; BUFFER_LEN]),
            service: Service::Running,
            snapshot_at: Time::ZERO,
            receive_at: Time::ZERO,
        }
    }

    /// Runs until the node has stopped. `first` is what it says of itself from the start.
    pub(crate) async fn run(mut self, first: Vec<Command>) {
        self.effects.sockets.ready_to_send().await;
        for command in first {
            self.step(Input::Command(command));
        }
        self.first_addresses().await;
        loop {
            let now = self.clock.now();
            // Looked at in every round, so that no flood of anything delays a heartbeat.
            let deadline = self.endpoint.deadline();
            if now >= deadline {
                self.effects.measures.timer_lateness.observe(now.since(deadline));
                self.step(Input::Timeout);
            }
            self.look_up_names(now);
            self.snapshot(now);
            self.effects.publisher.directory_writer.publish(self.endpoint.node(), now);
            if self.endpoint.node().is_stopped() {
                break;
            }
            match self.woken().await {
                Woken::Request(Some(request)) => self.serve(request),
                // The last handle is gone: nobody can ask for anything any more.
                Woken::Request(None) => _ = self.command(Command::Shutdown),
                Woken::Saved(done) => self.saved(done),
                Woken::Found(found) => {
                    if let Some(found) = found {
                        self.found(found);
                    }
                }
                Woken::Drained => {
                    self.effects.drain = Drain::None;
                    self.step(Input::Command(Command::Drained));
                }
                Woken::Readable => self.receive(),
                Woken::Timer => {}
            }
        }
        self.effects.publisher.stopping(Stopped::Shutdown);
        self.write_snapshot();
    }

    /// Gives the first lookups a moment, so that what is said first has somewhere to go.
    async fn first_addresses(&mut self) {
        let enough = Instant::now() + Duration::from(self.endpoint.node().rules().timing().heartbeat);
        self.look_up_names(self.clock.now());
        while self.names.is_looking_up() {
            let sockets = &self.effects.sockets;
            match timeout_at(enough, self.names.found(|address| sockets.reaches(address))).await {
                Ok(Some(found)) => self.found(found),
                Ok(None) => {}
                Err(_) => return,
            }
            self.look_up_names(self.clock.now());
        }
    }

    /// Waits for the next thing to do. What comes seldom is asked first, so that datagrams cannot crowd it out.
    async fn woken(&mut self) -> Woken {
        let now = self.clock.now();
        let wake_at = Instant::now() + self.longest_sleep(now);
        let Self { effects, names, requests, service, receive_at, .. } = self;
        let Effects { sockets, disk, publisher, drain, .. } = effects;
        tokio::select! {
            biased;
            request = requests.recv(), if *service == Service::Running => Woken::Request(request),
            done = saved(disk.as_mut()) => Woken::Saved(done),
            () = publisher.works.idle(), if *drain == Drain::Waiting => Woken::Drained,
            found = names.found(|address| sockets.reaches(address)) => Woken::Found(found),
            () = sockets.readable(), if now >= *receive_at => Woken::Readable,
            () = sleep_until(wake_at) => Woken::Timer,
        }
    }

    /// How long to wait at most. Never longer than a heartbeat: the runtime's timers do not count a suspended machine's
    /// time, and the node's clock does.
    fn longest_sleep(&self, now: Time) -> Duration {
        let heartbeat = self.endpoint.node().rules().timing().heartbeat;
        let deadline = self.endpoint.deadline().min(self.effects.publisher.directory_writer.deadline());
        Duration::from(deadline.since(now)).min(heartbeat.into())
    }

    fn serve(&mut self, request: Request) {
        // The caller may have stopped waiting: nothing depends on an answer being heard.
        match request {
            Request::Command { command, reply } => {
                let result = self.command(command);
                let _ = reply.send(result);
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

    /// An address of a voter, or of somebody who may be a member.
    fn found(&mut self, (peer, address): Found) {
        self.step(Input::Resolved { peer, address });
    }

    /// The leadership that this node holds.
    fn held(&self) -> Option<FencingToken> {
        self.endpoint.node().lease(self.clock.now()).map(|lease| lease.token)
    }

    fn saved(&mut self, Done { id, result }: Done) {
        if let Some(took) = self.effects.measures.saved(self.clock.now()) {
            log::saved(self.endpoint.node().rules().id(), took, result.is_ok());
        }
        match result {
            Ok(()) => self.step(Input::Persisted(id)),
            Err(error) => {
                self.effects.cannot_save(&error);
                self.step(Input::PersistFailed(id));
            }
        }
    }

    /// Takes what the network has, up to a batch.
    fn receive(&mut self) {
        for _ in 0..BATCH_MAX {
            match self.effects.sockets.try_receive(self.buffer.as_mut_slice()) {
                Received::Datagram { len, from } => {
                    // Read after the datagram was received (E15), within `feed`.
                    let input = Input::Datagram { from, bytes: &self.buffer[..len] };
                    let _ = feed(&mut self.endpoint, &mut self.effects, self.clock, input);
                }
                Received::Error => {
                    self.receive_at = self.clock.now() + Span::from_millis(1);
                    return;
                }
                Received::Nothing => return,
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        // Only a command can be refused, and those of the loop itself are not.
        let _ = feed(&mut self.endpoint, &mut self.effects, self.clock, input);
    }

    fn look_up_names(&mut self, now: Time) {
        let node = self.endpoint.node();
        self.names.look_up(now, |key| node.rules().index_of(key).and_then(|index| node.last_heard(index)));
    }
}

/// Waits for a save to end; forever where nothing is saved.
async fn saved(disk: Option<&mut Disk>) -> Done {
    match disk {
        Some(disk) => disk.done().await,
        None => pending().await,
    }
}

/// One step with all that follows from it at once. An error says that a command was refused.
fn feed(endpoint: &mut Endpoint, effects: &mut Effects, clock: Clock, input: Input<'_>) -> Result<(), CommandRefused> {
    let (now, is_datagram) = (clock.now(), matches!(input, Input::Datagram { .. }));
    let result = step(endpoint, effects, now, input);
    if is_datagram {
        effects.measures.received(endpoint.node(), now);
    }
    while let Some(input) = effects.follow_up() {
        // What follows up is not refused.
        let _ = step(endpoint, effects, clock.now(), input);
    }
    result
}

fn step(endpoint: &mut Endpoint, effects: &mut Effects, now: Time, input: Input<'_>) -> Result<(), CommandRefused> {
    if let Some(recorder) = &mut effects.recorder {
        recorder.note(now, &input, endpoint);
    }
    let mut outputs = endpoint.step(now, input);
    // Before anything is sent: a lease that has ended must be seen to have ended by the time that others may lead.
    effects.publisher.lease(outputs.lease());
    let result = outputs.result().map_err(Clone::clone);
    while let Some(output) = outputs.next() {
        match output {
            Output::Transmit { to, bytes } => effects.sockets.send(to, bytes),
            Output::Persist { id, record } => {
                effects.measures.saving(now);
                effects.save(id, record);
            }
            Output::Notify(notification) => effects.notify(now, notification),
        }
    }
    result
}

#[cfg(test)]
mod tests;
