//! What applications hold of a running node, whatever its runtime.

mod credentials;
mod registry;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use qcluster_api::Status;
use qcluster_core::{Command, NodeId, Peer, TransferRefused};
use tokio::sync::{Notify, mpsc, watch};

use crate::error::{CommandError, Stopped, WorkError};
use crate::event::{Events, Leadership};
use crate::lease::Lease;
use crate::metrics::{Metric, metrics};
use crate::permit::WorkPermit;
use crate::requests::{Request, ask, ask_to_stop};
use crate::runtime::Runtime;
use crate::view::View;
use crate::work;

/// A running node, on any runtime.
///
/// Handles are cheap to clone and may be used from any thread. Three kinds of methods: those that only read
/// ([`is_leader`](Self::is_leader), [`lease`](Self::lease), [`leader_info`](Self::leader_info), [`status`](Self::status))
/// never wait; [`leadership`](Self::leadership), [`events`](Self::events) and [`run_as_leader`](Self::run_as_leader)
/// follow what happens; the others ask the node to do something. Only `run_as_leader` needs the timers of the adapter's
/// runtime; everything else may be awaited anywhere.
///
/// When the last handle is dropped, the node hands over what it leads and stops, as with [`shutdown`](Self::shutdown).
///
/// After a fork of the process, the node goes on in the parent and nowhere else. In the child what waits for the node says
/// [`Stopped::Forked`], and [`is_leader`](Self::is_leader) is false when the lease of that moment is over, at the latest: start a node
/// after the fork.
///
/// An adapter's `QCluster` starts a node and is this beside; code that is to work on any runtime takes a `&Handle`.
#[derive(Clone)]
pub struct Handle {
    pub(crate) view: Arc<View>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) runtime: Arc<dyn Runtime>,
    /// Ends the loop at once.
    pub(crate) abort: Arc<Notify>,
    /// Closed when all that the node held has been given back.
    pub(crate) alive: watch::Receiver<()>,
}

impl Handle {
    /// Whether this node is the leader at this instant: no two nodes are at once, as long as clocks keep within the
    /// configured drift.
    ///
    /// It compares the end of the lease with a fresh clock reading, without a lock or an await, and is right even when the
    /// runtime is stalled. What it cannot cover is the time between the asking and the acting: that is what
    /// [`Lease::token`] is for.
    #[inline]
    pub fn is_leader(&self) -> bool {
        self.view.is_leader()
    }

    /// The lease that this node holds at this instant, if it does.
    pub fn lease(&self) -> Option<Lease> {
        self.view.lease()
    }

    /// Who leads as far as this node knows, itself included, with what the leader says about itself. For display and for
    /// redirects: unlike [`is_leader`](Self::is_leader) it may be out of date.
    pub fn leader_info(&self) -> Option<Peer> {
        self.view.shown_leader(false)
    }

    /// Waits until a leader is known, itself included, and says who. For display and for redirects, as
    /// [`leader_info`](Self::leader_info) is.
    ///
    /// # Errors
    /// The node has stopped.
    pub async fn wait_for_leader(&self) -> Result<Peer, Stopped> {
        let mut leadership = self.leadership();
        loop {
            if let Some(leader) = self.leader_info() {
                return Ok(leader);
            }
            if leadership.changed().await.is_err() {
                return Err(self.view.why_stopped());
            }
        }
    }

    /// Who leads according to other members, where this node hears no leader itself. For display only (E19).
    pub fn reported_leader(&self) -> Option<Peer> {
        self.view.shown_leader(true)
    }

    /// This node as others should see it, with the port that it really has.
    pub fn me(&self) -> &Peer {
        self.view.me()
    }

    /// Who leads, to be watched: the first `changed()` gives the present state at once. A slow watcher sees the latest
    /// state and may miss those in between; [`events`](Self::events) misses none. The channel closes when the node has
    /// stopped.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.view.leadership()
    }

    /// Every event from now on, in order, as a stream; [`Events`] has views for those who want only a part.
    ///
    /// An event of a member or a service comes as soon as the node knows of it, up to 20 ms before [`members`](Self::members) and
    /// [`services`](Self::services) show it. Who waits until a list has something in it follows [`watch`](Self::watch), which tells what
    /// the lists show already.
    pub fn events(&self) -> Events {
        self.view.events()
    }

    /// What an operator wants to know.
    pub fn status(&self) -> Status {
        self.view.status()
    }

    /// What the node has counted and measured since it started: what `/metrics` shows, but for what the HTTP server counts. For
    /// applications that have an exporter of their own.
    pub fn metrics(&self) -> Vec<Metric> {
        self.view.look(|view, measures| metrics(view, measures, None))
    }

    /// [`run_as_leader_with`](Self::run_as_leader_with) a guard time of one heartbeat interval.
    ///
    /// # Errors
    /// The node has stopped before any run of the work completed.
    pub fn run_as_leader<T, F>(&self, work: F) -> impl Future<Output = Result<T, Stopped>> + use<T, F>
    where
        F: AsyncFnMut(Lease) -> T,
    {
        self.run_as_leader_with(self.view.heartbeat(), work)
    }

    /// Runs `work` whenever this node leads, and has it ended at least `guard` before the lease can end.
    ///
    /// `work` is called with the lease when leadership begins. Its future is *dropped*, at its next await, as soon as the
    /// lease gets within `guard` of its end without having been renewed, and when leadership is being handed over, which
    /// waits for it. When the node leads again `work` is called again; after a late renewal that may be with the same token.
    /// If a future completes, its output is returned and `work` is not called again. A guard of more than half a lease
    /// counts as half.
    ///
    /// Work that completes, with whatever result, or panics leaves the node leading: it renews its lease, and does nothing
    /// under it. Work that can fail belongs in [`try_run_as_leader`](Self::try_run_as_leader), which gives the leadership
    /// up then.
    ///
    /// `work` may change what it borrows or owns: `async |lease| self.serve(lease).await` with a `serve(&mut self)`. In a task that
    /// is spawned it has to own it (`async move |lease| job.serve(lease).await`): of a closure that borrows, the compiler cannot
    /// tell yet that it may be sent.
    ///
    /// The returned future holds no handle and may be spawned. It has to be polled for work to be cancelled: a hand-over
    /// waits for work that nobody polls, `drain_ms` at most.
    ///
    /// What blocks a thread cannot be stopped: a future that does not await for longer than `guard` may outlast the lease,
    /// and so does whatever it has spawned. The guarded resource is safe from both if it checks [`Lease::token`].
    ///
    /// # Errors
    /// The node has stopped before any run of the work completed.
    pub fn run_as_leader_with<T, F>(
        &self,
        guard: Duration,
        work: F,
    ) -> impl Future<Output = Result<T, Stopped>> + use<T, F>
    where
        F: AsyncFnMut(Lease) -> T,
    {
        work::run_as_leader(Arc::clone(&self.view), Arc::clone(&self.runtime), guard, work)
    }

    /// [`try_run_as_leader_with`](Self::try_run_as_leader_with) a guard time of one heartbeat interval.
    ///
    /// # Errors
    /// The work has failed, and this node no longer leads. Or the node has stopped before any run of the work completed.
    pub fn try_run_as_leader<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, WorkError<E>>> + use<T, E, F>
    where
        F: AsyncFnMut(Lease) -> Result<T, E>,
    {
        self.try_run_as_leader_with(self.view.heartbeat(), work)
    }

    /// Runs `work` as [`run_as_leader_with`](Self::run_as_leader_with) does, and steps down if it fails, so that another
    /// node can take over.
    ///
    /// An `Ok` is returned as it is, and leaves the node leading. After an error the node has released its lease when this
    /// returns; it stays a candidate, and may be elected again. Call this again to go on, or
    /// [`shutdown`](Self::shutdown) where this replica cannot lead.
    ///
    /// # Errors
    /// The work has failed, and this node no longer leads. Or the node has stopped before any run of the work completed.
    pub fn try_run_as_leader_with<T, E, F>(
        &self,
        guard: Duration,
        work: F,
    ) -> impl Future<Output = Result<T, WorkError<E>>> + use<T, E, F>
    where
        F: AsyncFnMut(Lease) -> Result<T, E>,
    {
        let (view, runtime) = (Arc::clone(&self.view), Arc::clone(&self.runtime));
        work::try_run_as_leader(view, runtime, self.requests.downgrade(), guard, work)
    }

    /// [`permit_work_with`](Self::permit_work_with) a guard time of one heartbeat interval.
    pub fn permit_work(&self) -> Option<WorkPermit> {
        self.permit_work_with(self.view.heartbeat())
    }

    /// Leave to work as the leader, for work that is no future and that nobody can drop: of a thread, or of another language. `None` where
    /// this node does not lead, where its lease gets within `guard` of its end, and while it is handing over: try again when
    /// [`leadership`](Self::leadership) changes, and after a heartbeat interval where that says that it leads. It never waits.
    ///
    /// What [`run_as_leader_with`](Self::run_as_leader_with) promises is up to who has it: see [`WorkPermit`].
    pub fn permit_work_with(&self, guard: Duration) -> Option<WorkPermit> {
        WorkPermit::new(&self.view, guard)
    }

    /// The interval between heartbeats of the leader, as configured.
    pub fn heartbeat_interval(&self) -> Duration {
        self.view.heartbeat()
    }

    /// Hands leadership to `target`, or to the voter best placed, and waits until this node no longer leads: the leader's
    /// work is cancelled and awaited first, for `drain_ms` at most. To itself it does nothing. If the target turns out to
    /// be unreachable, an ordinary election follows.
    ///
    /// # Errors
    /// This node does not lead, there is no such voter, or nobody could take over: nothing has changed. Or it has stopped.
    pub async fn transfer_leadership(&self, target: Option<&str>) -> Result<(), CommandError> {
        let named = target.map(NodeId::new).transpose();
        let target = named.map_err(|_| CommandError::Refused(TransferRefused::NotAVoter.into()))?;
        ask(&self.view, &self.requests, Command::Transfer(target)).await.map(|_| ())
    }

    /// Ends this node's leadership in favour of whichever voter wins next, and waits until it has ended.
    ///
    /// # Errors
    /// This node does not lead: nothing has changed. Or it has stopped.
    pub async fn step_down(&self) -> Result<(), CommandError> {
        ask(&self.view, &self.requests, Command::StepDown).await.map(|_| ())
    }

    /// Hands over what this node leads, stops it, and waits until its ports and files are free. Again does no harm.
    ///
    /// A disk that hangs keeps its file for as long as it hangs. Who must not wait for it bounds the wait: once
    /// [`why_stopped`](Self::why_stopped) tells something, nothing but files is left.
    pub async fn shutdown(&self) {
        if self.why_stopped() == Some(Stopped::Forked) {
            return;
        }
        // Otherwise it is stopping already.
        let _ = ask_to_stop(&self.requests).await;
        self.released().await;
    }

    /// Stops the node at once, as a crash would: nothing is handed over, and the others wait for the lease to run out.
    /// For tests and demonstrations.
    pub async fn abort(&self) {
        self.abort_soon();
        self.released().await;
    }

    /// The same without waiting for it.
    pub(crate) fn abort_soon(&self) {
        self.abort.notify_one();
    }

    /// Waits until the node has stopped, and tells why.
    pub async fn stopped(&self) -> Stopped {
        self.released().await;
        self.view.why_stopped()
    }

    /// Why the node has stopped, or is about to. `None` while it runs. What it held may not be free yet: for that,
    /// [`stopped`](Self::stopped) waits.
    pub fn why_stopped(&self) -> Option<Stopped> {
        self.view.stopped()
    }

    /// Waits until nothing is held any more. Nothing is ever sent on the channel: it can only close.
    async fn released(&self) {
        if self.why_stopped() == Some(Stopped::Forked) {
            return;
        }
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("me", &self.view.me().identifier).finish_non_exhaustive()
    }
}
