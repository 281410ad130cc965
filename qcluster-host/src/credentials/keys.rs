//! Keys are changed while a node runs (S5): in the file of its secrets first, so that a restart finds what it left.

use std::path::Path;
use std::sync::Arc;

use qcluster_api::{KeyChange, KeyRefused, KeysStatus};
use qcluster_core::Secret;
use qcluster_core::seal::Keyring;
use tokio::sync::mpsc;

use super::{Credentials, SecretSource, file, on_a_thread};
use crate::requests::{self, Request};
use crate::view::View;

/// Changes the keys of a node, and its file of secrets.
///
/// # Errors
/// Why not. Nothing has changed then, unless the node has stopped meanwhile.
pub(crate) async fn change_keys(
    view: &Arc<View>,
    requests: &mpsc::Sender<Request>,
    change: KeyChange,
) -> Result<(), KeyRefused> {
    if let KeyChange::Remove { id, force: false } = change {
        let keys = view.look(|view, _| KeysStatus::of(view));
        let heard = keys.into_iter().flat_map(|keys| keys.keys).find(|key| key.id == id);
        let from = heard.map(|key| key.heard_from).unwrap_or_default();
        if !from.is_empty() {
            return Err(KeyRefused::StillHeard { id, from });
        }
    }
    let (credentials, requests) = (Arc::clone(view.credentials()), requests.clone());
    // All of it is done there, whether or not somebody still waits for it here.
    let changed = on_a_thread(move || {
        let Some(_turn) = credentials.turn_if_free() else { return Err(KeyRefused::Busy) };
        let keyring = credentials.write(change)?;
        if requests::set_keyring(&requests, keyring) { Ok(()) } else { Err(KeyRefused::Stopped) }
    });
    changed.await.unwrap_or_else(|error| Err(KeyRefused::File { reason: error.to_string() }))
}

impl Credentials {
    /// Makes the change in the file, and gives the keys that it stands for then.
    pub(super) fn write(&self, change: KeyChange) -> Result<Keyring, KeyRefused> {
        let path = match &self.secrets {
            SecretSource::None => return Err(KeyRefused::NotSealed),
            SecretSource::Fixed => return Err(KeyRefused::NotInAFile),
            SecretSource::File(path) => path,
        };
        let unusable = |error: crate::error::CredentialError| KeyRefused::File { reason: error.to_string() };
        let secrets = file::secrets(path).map_err(unusable)?;
        let ids: Vec<u8> = self.keyring(path, &secrets).map_err(unusable)?.ids().collect();
        let secrets = self.changed(path, secrets, &ids, change)?;
        let keyring = self.keyring(path, &secrets).map_err(unusable)?;
        file::write_secrets(path, &secrets)
            .map_err(|error| KeyRefused::File { reason: format!("secret_file: {}: {error}", path.display()) })?;
        Ok(keyring)
    }

    /// The secrets after the change, each of which has the id at its place.
    fn changed(
        &self,
        path: &Path,
        mut secrets: Vec<Secret>,
        ids: &[u8],
        change: KeyChange,
    ) -> Result<Vec<Secret>, KeyRefused> {
        let place = |id: u8| ids.iter().position(|other| *other == id).ok_or(KeyRefused::Unknown { id });
        match change {
            KeyChange::Add { secret } => {
                let unusable = |error: crate::error::CredentialError| KeyRefused::File { reason: error.to_string() };
                let alone = self.keyring(path, std::slice::from_ref(&secret)).map_err(unusable)?;
                if let Some(id) = alone.ids().find(|id| ids.contains(id)) {
                    return Err(KeyRefused::IsThere { id });
                }
                secrets.push(secret);
            }
            KeyChange::Use { id } => secrets[..=place(id)?].rotate_right(1),
            KeyChange::Remove { id, .. } => match place(id)? {
                0 => return Err(KeyRefused::Seals { id }),
                place => _ = secrets.remove(place),
            },
            // From an API that is newer than this crate.
            _ => return Err(KeyRefused::File { reason: "this version cannot do that".into() }),
        }
        Ok(secrets)
    }
}
