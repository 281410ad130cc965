//! What a host of an [`Endpoint`] has to do, as a checklist: for a runtime that has no adapter yet, or an event loop of your
//! own. For an async runtime, the crate `qcluster-host` does all of this already. Nothing here is about elections; those are decided
//! inside. In brackets is the rule of ARCHITECTURE that a mistake would break.
//!
//! # Start
//!
//! - **One node, one owner.** An endpoint is stepped by one thread or task. A copy that runs beside the original is a second
//!   node of the same identifier (E17).
//! - **A monotonic clock** that also counts the time in which the machine is suspended: `CLOCK_BOOTTIME` on Linux. The same
//!   clock serves [`Endpoint::step`] and the question whether the node leads. One that goes back costs the leadership, not the
//!   promise (E15).
//! - **Boot values.** [`seed`](crate::EndpointBoot::seed) is 64 random bits that nobody can guess, new for each start: with equal ones nodes would collide in
//!   their elections. [`stamp_ms`](crate::EndpointBoot::stamp_ms) is the wall clock (E12).
//! - **What was saved** is given as it was read: a record that cannot be read is an error, and not an empty disk (E1, E9). Hold
//!   a lock on its folder, so that no second process writes there.
//! - **Where the node is** for others goes into [`Gossip::advertise`] if it is known, or comes later as
//!   [`Input::Resolved`](crate::Input::Resolved) for the node's own key; else other members tell it.
//!
//! # Addresses
//!
//! - **Nothing is sent to a peer before [`Input::Resolved`](crate::Input::Resolved)** has named its address: give it for each peer at the
//!   start, and again for those that are not heard from, since names move. Everything else about addresses is decided inside. Where
//!   nothing happens, look at [`Endpoint::unaddressed`](crate::Endpoint::unaddressed) first.
//!
//! # The loop
//!
//! - **Step** when a datagram has arrived, when [`Endpoint::deadline`] has come, when a name was resolved, when a save has ended,
//!   and when the application wants something. Timeouts at any other time do nothing, so there is nothing to cancel.
//! - **Receive first, then read the clock**, then step. The other way round a process that is stopped between the two would
//!   backdate a promise (E15).
//! - **Look at the deadline between datagrams.** Under a constant stream of them, timers must fire all the same.
//! - **Never sleep for longer than a heartbeat.** Timers of many systems stand still while the machine is suspended.
//! - **Wait for nothing else.** A name lookup, a write to a disk or a log, and a full socket buffer must not block it: the
//!   heartbeats of a leader come from this loop.
//!
//! # The outputs of a step, in order
//!
//! - **The lease comes first.** [`Outputs::lease`](crate::Outputs::lease) is what the application may rely on from now on. Where
//!   it is shorter than before, or gone, threads have to see that *before* the first [`Output::Transmit`] leaves, because that
//!   datagram may let another node lead (E4). A longer one may be published whenever you like.
//! - **Whether it leads** is asked by comparing the published end with a clock that is read after it: `end > now`. A stored flag
//!   stays true in a process that stands still.
//! - [`Output::Transmit`] is best effort: a send that fails or would block is a datagram that was lost. Never wait, never send
//!   again.
//! - [`Output::Persist`] replaces the last record, all or nothing: write another file, sync it, rename it, sync the folder.
//!   Report [`Input::Persisted`] when it would survive a power cut, and [`Input::PersistFailed`] if that is unknown (E16). It may
//!   be done elsewhere while the loop goes on; there is never more than one under way.
//! - [`Output::Notify`] is for the application. Three want an answer: after [`Notification::Draining`] end the leader's work and
//!   give [`Command::Drained`]; after [`Notification::DuplicateIdentifier`] and [`Notification::Superseded`] the node has stopped for good, and
//!   the process should end instead of starting another one.
//!
//! # Stop
//!
//! - Give [`Command::Shutdown`], and go on with the loop until [`Node::is_stopped`](crate::Node::is_stopped): the leadership is
//!   handed over, and members hear a goodbye. What is dropped instead costs the others a lease (E10, G4).
//!
//! # To find out what happened
//!
//! - [`recording`] writes down what goes into an endpoint, one line each, *before* it is stepped. `qcluster-sim replay` tells
//!   afterwards what the node did with it, and why.
//!
//! [`Endpoint`]: crate::Endpoint
//! [`Endpoint::step`]: crate::Endpoint::step
//! [`Endpoint::deadline`]: crate::Endpoint::deadline
//! [`Gossip::advertise`]: crate::Gossip::advertise
//! [`Output::Transmit`]: crate::Output::Transmit
//! [`Output::Persist`]: crate::Output::Persist
//! [`Output::Notify`]: crate::Output::Notify
//! [`Input::Persisted`]: crate::Input::Persisted
//! [`Input::PersistFailed`]: crate::Input::PersistFailed
//! [`Input::Resolved`]: crate::Input::Resolved
//! [`Notification::Draining`]: crate::Notification::Draining
//! [`Notification::DuplicateIdentifier`]: crate::Notification::DuplicateIdentifier
//! [`Notification::Superseded`]: crate::Notification::Superseded
//! [`Command::Drained`]: crate::Command::Drained
//! [`Command::Shutdown`]: crate::Command::Shutdown
//! [`recording`]: crate::recording
