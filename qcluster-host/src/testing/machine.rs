//! What a node of a test cluster runs on: a socket, and a processor that may stand still.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::network::{MemorySocket, Network};
use crate::start::NodeLoop;

/// A machine for one node.
#[derive(Debug)]
pub struct Machine {
    socket: MemorySocket,
    processor: Processor,
}

impl Machine {
    pub(super) fn new(network: &Network, at: SocketAddr, processor: Processor) -> Self {
        Self { socket: network.socket(at), processor }
    }

    /// Its socket for datagrams, and the processor that runs the loop of the node.
    pub fn into_parts(self) -> (MemorySocket, Processor) {
        (self.socket, self.processor)
    }
}

/// Runs a node, but for the time in which a test has frozen it.
#[derive(Clone, Debug, Default)]
pub struct Processor(Arc<Mutex<Frozen>>);

#[derive(Debug, Default)]
struct Frozen {
    is_frozen: bool,
    /// Who is to be polled when it goes on.
    waiting: Option<Waker>,
}

impl Processor {
    /// The loop of a node, as it runs here.
    pub fn run(&self, node: NodeLoop) -> NodeLoop {
        let (processor, NodeLoop(mut node)) = (self.clone(), node);
        NodeLoop(Box::pin(poll_fn(
            move |cx| if processor.stands_still(cx) { Poll::Pending } else { node.as_mut().poll(cx) },
        )))
    }

    pub(super) fn freeze(&self) {
        self.state().is_frozen = true;
    }

    pub(super) fn thaw(&self) {
        let waiting = {
            let mut state = self.state();
            state.is_frozen = false;
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.state().is_frozen
    }

    fn stands_still(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        if state.is_frozen {
            state.waiting = Some(cx.waker().clone());
        }
        state.is_frozen
    }

    fn state(&self) -> MutexGuard<'_, Frozen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
