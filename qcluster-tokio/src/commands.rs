//! What handles and the API ask of the loop, and how they wait for it.

use qcluster_core::{FencingToken, NodeId, RegistryCommand, RegistryError, TransferRefused};
use tokio::sync::{mpsc, oneshot};

use crate::error::TransferError;
use crate::view::View;

/// Answered as soon as a hand-over has begun, with the leadership that it ends, if it ends one.
pub(crate) type Reply = oneshot::Sender<Result<Option<FencingToken>, TransferRefused>>;

/// Answered when the registry has done, or refused, what was asked.
pub(crate) type Answer = oneshot::Sender<Result<(), RegistryError>>;

/// What is asked of the loop.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hand over, to that voter or to whoever is best placed.
    Transfer { target: Option<NodeId>, reply: Reply },
    /// End this node's leadership, in favour of whoever wins next.
    StepDown { reply: Reply },
    /// Change what this node says of itself and its services.
    Registry { command: RegistryCommand, reply: Answer },
    /// Try that address until somebody there is a member. Answered with whether there was room for it.
    Join { host: String, port: u16, reply: oneshot::Sender<bool> },
    /// Hand over, then stop.
    Shutdown,
}

/// Asks for the end of a leadership, and waits for that. Gives the token of what has ended.
pub(crate) async fn ask_and_wait(
    view: &View,
    commands: &mpsc::Sender<Command>,
    command: impl FnOnce(Reply) -> Command,
) -> Result<Option<FencingToken>, TransferError> {
    let stopped = || TransferError::Stopped(view.why_stopped());
    let (reply, answer) = oneshot::channel();
    commands.send(command(reply)).await.map_err(|_| stopped())?;
    let ends = answer.await.map_err(|_| stopped())?.map_err(TransferError::Refused)?;
    if let Some(token) = ends {
        let mut leadership = view.leadership();
        // If the node stops meanwhile, it does not lead any more either.
        let _ = leadership.wait_for(|leadership| leadership.token() != Some(token)).await;
    }
    Ok(ends)
}
