//! Tokens, keys and certificates are changed while a node runs (S5): in files first, so that a restart finds what was left.

use std::io;
use std::sync::Arc;

use qcluster_api::{KeyChange, KeyRefused, check_removal};
use tokio::sync::{mpsc, oneshot};

use crate::error::{ReloadError, Stopped};
use crate::log::TARGET;
use crate::requests::{self, Request};
use crate::view::View;

/// Reads tokens, secrets and certificates again from their files, and goes by them from now on. Nothing changes unless all of them can be read.
///
/// # Errors
/// What cannot be read; or the node has stopped.
pub(crate) async fn reload(view: &Arc<View>, requests: &mpsc::Sender<Request>) -> Result<(), ReloadError> {
    if view.stopped() == Some(Stopped::Forked) {
        return Err(ReloadError::Stopped(Stopped::Forked));
    }
    let (view, requests) = (Arc::clone(view), requests.downgrade());
    let reloaded = on_a_thread(move || {
        let credentials = view.credentials();
        let _turn = credentials.turn();
        let (tokens, keyring, use_tls) =
            (credentials.tokens()?, credentials.keyring_in_file()?, credentials.read_tls()?);
        if keyring.is_some_and(|keyring| !requests::set_keyring(&requests, keyring)) {
            return Err(ReloadError::Stopped(view.why_stopped()));
        }
        view.set_tokens(tokens);
        use_tls(credentials);
        tracing::info!(name: "qcluster.reloaded", target: TARGET, "tokens, secrets and certificates were read again");
        Ok(())
    });
    reloaded.await.unwrap_or_else(|error| Err(ReloadError::System(error)))
}

/// Without the secret.
fn in_words(change: &KeyChange) -> String {
    match change {
        KeyChange::Add { .. } => "a key was added".to_owned(),
        KeyChange::Use { id } => format!("key {id} seals from now on"),
        KeyChange::Remove { id, force } => format!("key {id} was removed{}", if *force { " by force" } else { "" }),
        _ => "keys were changed".to_owned(),
    }
}

/// What a file system may hang in is not waited for by anybody else.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("qcluster-files".into()).spawn(move || drop(tell.send(work())))?;
    told.await.map_err(io::Error::other)
}

/// Changes the keys of a node, and its file of secrets.
///
/// # Errors
/// Why not. Nothing has changed then, unless the node has stopped meanwhile.
pub(crate) async fn change_keys(
    view: &Arc<View>,
    requests: &mpsc::Sender<Request>,
    change: KeyChange,
) -> Result<(), KeyRefused> {
    if view.stopped() == Some(Stopped::Forked) {
        return Err(KeyRefused::Stopped);
    }
    if let KeyChange::Remove { id, force: false } = change {
        view.look(|view, _| check_removal(id, view))?;
    }
    let ids = view.look(|view, _| view.snapshot.keys.as_ref().map(|keys| keys.ids.clone())).unwrap_or_default();
    let what = in_words(&change);
    // Weak: a file system that hangs keeps no node from ending.
    let (credentials, requests) = (Arc::clone(view.credentials()), requests.downgrade());
    // All of it is done there, whether or not somebody still waits for it here.
    let changed = on_a_thread(move || {
        let Some(_turn) = credentials.turn_if_free() else { return Err(KeyRefused::Busy) };
        let keyring = credentials.write(change, &ids)?;
        if !requests::set_keyring(&requests, keyring) {
            return Err(KeyRefused::Stopped);
        }
        tracing::info!(name: "qcluster.keys_changed", target: TARGET, "{what}");
        Ok(())
    });
    changed.await.unwrap_or_else(|error| Err(KeyRefused::File { reason: error.to_string() }))
}
