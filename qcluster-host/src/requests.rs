//! What handles and the API ask of the loop, and how they wait for it.

use qcluster_core::seal::{Keyring, NONCE_PREFIX_LEN};
use qcluster_core::{Command, CommandRefused, FencingToken, SealMode};
use tokio::sync::{mpsc, oneshot};

use crate::error::{CommandError, Stopped};
use crate::view::View;

/// Answered as soon as a command was carried out, or refused: with the leadership that it ends, if it ends one.
pub type Reply = oneshot::Sender<Result<Option<FencingToken>, CommandRefused>>;

/// What is asked of the loop.
#[derive(Debug)]
pub enum Request {
    /// What the core does.
    Command {
        /// What it is to do.
        command: Command,
        /// Whom to answer.
        reply: Reply,
    },
    /// Try that name until somebody there is a member.
    Join {
        /// A name or an address.
        host: String,
        /// The port of the cluster there.
        port: u16,
        /// Answered with whether there was room for it.
        reply: oneshot::Sender<bool>,
    },
    /// Seal and open with other keys, or in another mode, from now on. A node that has had no secret has one then.
    SetSeal {
        /// The keys.
        keyring: Keyring,
        /// What is sealed, and what is let in.
        mode: SealMode,
        /// For the nonces of a node that has had no secret.
        nonce_prefix: [u8; NONCE_PREFIX_LEN],
        /// Answered when it is done.
        reply: oneshot::Sender<()>,
    },
}

/// Has the node carry out a command, and waits for the end of what it ends. Gives the token of the leadership that has
/// ended.
///
/// # Errors
/// The node has refused the command, or has stopped.
pub async fn ask(
    view: &View,
    requests: &mpsc::Sender<Request>,
    command: Command,
) -> Result<Option<FencingToken>, CommandError> {
    let stopped = || CommandError::Stopped(view.why_stopped());
    if view.stopped() == Some(Stopped::Forked) {
        return Err(stopped());
    }
    let (reply, answer) = oneshot::channel();
    requests.send(Request::Command { command, reply }).await.map_err(|_| stopped())?;
    let ends = answer.await.map_err(|_| stopped())?.map_err(CommandError::Refused)?;
    if let Some(token) = ends {
        let mut leadership = view.leadership();
        // If the node stops meanwhile, it does not lead any more either.
        let _ = leadership.wait_for(|leadership| leadership.token() != Some(token)).await;
    }
    Ok(ends)
}

/// Has the node seal and open with these keys and in this mode, and waits until it does. Tells whether it was there to be asked. Blocks.
pub(crate) fn set_seal(
    requests: &mpsc::WeakSender<Request>,
    keyring: Keyring,
    mode: SealMode,
    nonce_prefix: [u8; NONCE_PREFIX_LEN],
) -> bool {
    let Some(requests) = requests.upgrade() else { return false };
    let (reply, done) = oneshot::channel();
    let request = Request::SetSeal { keyring, mode, nonce_prefix, reply };
    requests.blocking_send(request).is_ok() && done.blocking_recv().is_ok()
}

/// Has the node hand over and stop, without waiting for it. Tells whether it was there to be asked.
pub async fn ask_to_stop(requests: &mpsc::Sender<Request>) -> bool {
    let (reply, _) = oneshot::channel();
    requests.send(Request::Command { command: Command::Shutdown, reply }).await.is_ok()
}
