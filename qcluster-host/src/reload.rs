//! Tokens, keys and certificates are changed while a node runs (S5): in files first, so that a restart finds what was left.

use std::io;
use std::sync::Arc;

use qcluster_api::{Access, KeyChange, KeyRefused, KeysStatus, check_removal};
use qcluster_core::{Config, SealMode};
use tokio::sync::{mpsc, oneshot};

use crate::boot::warn_if_insecure;
use crate::credentials::{Sources, Tokens};
use crate::error::{ReloadError, Stopped};
use crate::log::TARGET;
use crate::requests::{self, Request};
use crate::view::View;

/// What is left of a configuration that was taken while the node ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The fields that differ from those the node was started with, and that a node reads when it starts alone.
    pub needs_restart: Vec<&'static str>,
}

/// Reads tokens, secrets and certificates again from their files, and goes by them from now on. Nothing changes unless all of them can be read.
///
/// # Errors
/// What cannot be read; or the node has stopped.
pub(crate) async fn reload(view: &Arc<View>, requests: &mpsc::Sender<Request>) -> Result<(), ReloadError> {
    changed(view, requests, |view, requests| {
        let mut sources = view.credentials().sources();
        let (again, tokens_alone) = (sources.clone(), |tokens| view.set_tokens(tokens));
        take(view, requests, &mut sources, again, tokens_alone)?;
        tracing::info!(name: "qcluster.reloaded", target: TARGET, "tokens, secrets and certificates were read again");
        Ok(())
    })
    .await
}

/// Takes from a configuration what a running node can. Nothing changes unless all of it can be used.
///
/// # Errors
/// What is wrong with it, or with a file that it names; or the node has stopped.
pub(crate) async fn reload_config(
    view: &Arc<View>,
    requests: &mpsc::Sender<Request>,
    config: Config,
) -> Result<Reloaded, ReloadError> {
    config.check().map_err(ReloadError::Config)?;
    changed(view, requests, move |view, requests| {
        let mut sources = view.credentials().sources();
        let use_tokens = |tokens| view.set_access(Access::new(&config, tokens));
        take(view, requests, &mut sources, Sources::of(&config), use_tokens)?;
        warn_if_insecure(&config);
        if sources.sealing() == Some(SealMode::Require) {
            warn_of_plain(view);
        }
        tracing::info!(name: "qcluster.reloaded", target: TARGET, "the configuration was read again");
        Ok(Reloaded { needs_restart: view.credentials().started_with().fields_for_restart(&config) })
    })
    .await
}

/// Says who is kept out from now on.
fn warn_of_plain(view: &View) {
    let heard = view.look(|view, _| KeysStatus::of(view)).map(|keys| keys.plain_from).unwrap_or_default();
    if !heard.is_empty() {
        let heard = heard.join(", ");
        tracing::warn!(
            name: "qcluster.heard_in_plain", target: TARGET, %heard,
            "nothing but sealed datagrams is let in now, and these nodes did not seal their last one"
        );
    }
}

/// Reads what `next` names, and puts it in place of what is in use.
fn take(
    view: &View,
    requests: &mpsc::WeakSender<Request>,
    sources: &mut Sources,
    next: Sources,
    use_tokens: impl FnOnce(Tokens),
) -> Result<(), ReloadError> {
    if sources.sealing().is_some() && next.sealing().is_none() {
        return Err(ReloadError::SecretRemoved);
    }
    let (tokens, tls, keyring) = (next.tokens()?, next.read_tls()?, next.keyring()?);
    if let (Some(keyring), Some(mode)) = (keyring, next.sealing())
        && !requests::set_seal(requests, keyring, mode).map_err(ReloadError::System)?
    {
        return Err(ReloadError::Stopped(view.why_stopped()));
    }
    use_tokens(tokens);
    view.credentials().accept_with(tls);
    *sources = next;
    Ok(())
}

/// Makes a change on a thread of its own: all of it, whether or not somebody still waits for it here.
async fn changed<T: Send + 'static>(
    view: &Arc<View>,
    requests: &mpsc::Sender<Request>,
    change: impl FnOnce(&View, &mpsc::WeakSender<Request>) -> Result<T, ReloadError> + Send + 'static,
) -> Result<T, ReloadError> {
    if view.stopped() == Some(Stopped::Forked) {
        return Err(ReloadError::Stopped(Stopped::Forked));
    }
    // Weak: a file system that hangs keeps no node from ending.
    let (view, requests) = (Arc::clone(view), requests.downgrade());
    let changed = on_a_thread(move || change(&view, &requests));
    changed.await.unwrap_or_else(|error| Err(ReloadError::System(error)))
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
        let Some(sources) = credentials.sources_if_free() else { return Err(KeyRefused::Busy) };
        let keyring = sources.write(change, &ids)?;
        let mode = sources.sealing().ok_or(KeyRefused::NotSealed)?;
        let is_set = requests::set_seal(&requests, keyring, mode);
        if !is_set.map_err(|error| KeyRefused::File { reason: error.to_string() })? {
            return Err(KeyRefused::Stopped);
        }
        tracing::info!(name: "qcluster.keys_changed", target: TARGET, "{what}");
        Ok(())
    });
    changed.await.unwrap_or_else(|error| Err(KeyRefused::File { reason: error.to_string() }))
}
