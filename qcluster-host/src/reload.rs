//! Tokens, keys and certificates are changed while a node runs (S5): in files first, so that a restart finds what was left.

use std::io;
use std::sync::Arc;

use qcluster_api::{Access, KeyChange, KeyRefused, KeysStatus, check_removal};
use qcluster_core::seal::Keyring;
use qcluster_core::{Config, SealMode};
use tokio::sync::{mpsc, oneshot};

use crate::boot::warn_if_insecure;
use crate::credentials::{Sources, Tokens, nonce_prefix};
use crate::error::{ReloadError, Stopped};
use crate::log::TARGET;
use crate::requests::{self, Request};
use crate::view::View;

/// What a running node has taken from a configuration, and what not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The fields that differ from those the node was started with, and that it reads only when it starts.
    pub needs_restart: Vec<&'static str>,
    /// What is sealed from now on; `None` without a secret.
    pub seal: Option<SealMode>,
    /// The ids of the keys, of which the first one seals.
    pub keys: Vec<u8>,
    /// Whether HTTP is spoken over TLS.
    pub has_tls: bool,
}

/// Reads tokens, secrets and certificates again from their files, and goes by them from now on. Nothing changes unless all of them can be read.
///
/// # Errors
/// What cannot be read; or the node has stopped.
pub(crate) async fn reload(view: &Arc<View>, requests: &mpsc::Sender<Request>) -> Result<(), ReloadError> {
    changed(view, requests, |view, requests| {
        let mut sources = view.credentials().sources_if_free().ok_or(ReloadError::Busy)?;
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
    next: Config,
) -> Result<Reloaded, ReloadError> {
    next.check().map_err(ReloadError::Config)?;
    changed(view, requests, move |view, requests| {
        let started_with = view.credentials().started_with();
        // What waits for a restart must not count, neither for a key, nor for who may be let in.
        let config = started_with.with_live_fields_of(&next);
        config.check().map_err(ReloadError::Config)?;
        let mut sources = view.credentials().sources_if_free().ok_or(ReloadError::Busy)?;
        let before = sources.sealing();
        let use_tokens = |tokens| view.set_access(Access::new(&config, tokens));
        let keys = take(view, requests, &mut sources, Sources::of(&config), use_tokens)?;
        warn_if_insecure(&config);
        warn_of_step(view, before, sources.sealing());
        tracing::info!(name: "qcluster.reloaded", target: TARGET, "the configuration was read again");
        let (seal, has_tls) = (sources.sealing(), sources.has_tls());
        Ok(Reloaded { needs_restart: started_with.fields_for_restart(&next), seal, keys, has_tls })
    })
    .await
}

/// Says whom a change of `seal` keeps out (S4).
fn warn_of_step(view: &View, before: Option<SealMode>, after: Option<SealMode>) {
    let step = |mode: Option<SealMode>| mode.map_or(0, |mode| mode as u8 + 1);
    if step(before).abs_diff(step(after)) > 1 {
        tracing::warn!(
            name: "qcluster.seal_step_skipped", target: TARGET,
            "seal has skipped a step: nodes that are two steps away neither understand this one nor are understood"
        );
    }
    if after != Some(SealMode::Require) || after == before {
        return;
    }
    let heard = view.look(|view, _| KeysStatus::of(view)).map(|keys| keys.plain_from).unwrap_or_default();
    if !heard.is_empty() {
        let heard = heard.join(", ");
        tracing::warn!(
            name: "qcluster.heard_in_plain", target: TARGET, %heard,
            "nothing but sealed datagrams is let in now, and these nodes did not seal their last one"
        );
    }
}

/// Reads what `next` names, and puts it in place of what is in use. Gives the ids of the keys.
fn take(
    view: &View,
    requests: &mpsc::WeakSender<Request>,
    sources: &mut Sources,
    next: Sources,
    use_tokens: impl FnOnce(Tokens),
) -> Result<Vec<u8>, ReloadError> {
    if sources.sealing().is_some() && next.sealing().is_none() {
        return Err(ReloadError::SecretRemoved);
    }
    let (tokens, tls, keyring) = (next.tokens()?, next.read_tls()?, next.keyring()?);
    let ids = keyring.iter().flat_map(Keyring::ids).collect();
    let nonce_prefix = nonce_prefix().map_err(|error| ReloadError::System(io::Error::other(error.to_string())))?;
    if let (Some(keyring), Some(mode)) = (keyring, next.sealing())
        && !requests::set_seal(requests, keyring, mode, nonce_prefix)
    {
        return Err(ReloadError::Stopped(view.why_stopped()));
    }
    use_tokens(tokens);
    view.credentials().accept_with(tls);
    *sources = next;
    Ok(ids)
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
        let mode = sources.sealing().ok_or(KeyRefused::NotSealed)?;
        // All that can fail comes before the file is written.
        let nonce_prefix = nonce_prefix().map_err(|error| KeyRefused::File { reason: error.to_string() })?;
        let keyring = sources.write(change, &ids)?;
        if !requests::set_seal(&requests, keyring, mode, nonce_prefix) {
            return Err(KeyRefused::Stopped);
        }
        tracing::info!(name: "qcluster.keys_changed", target: TARGET, "{what}");
        Ok(())
    });
    changed.await.unwrap_or_else(|error| Err(KeyRefused::File { reason: error.to_string() }))
}
