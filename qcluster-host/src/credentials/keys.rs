//! Keys in the file of secrets, changed one step at a time.

use std::path::Path;

use qcluster_api::{KeyChange, KeyRefused};
use qcluster_core::Secret;
use qcluster_core::seal::Keyring;

use super::{SecretSource, Sources, file};
use crate::error::CredentialError;

impl Sources {
    /// Makes the change in the file, and gives the keys that it stands for then. Where the file has it already, such as from another node
    /// or an interrupted change, nothing is written. `ids_in_use` are those of the keys that the node has.
    pub(crate) fn write(&self, change: KeyChange, ids_in_use: &[u8]) -> Result<Keyring, KeyRefused> {
        let path = match &self.secrets {
            SecretSource::None => return Err(KeyRefused::NotSealed),
            SecretSource::Fixed(_) => return Err(KeyRefused::NotInAFile),
            SecretSource::File(path) => path,
        };
        let secrets = file::secrets(path).map_err(|error| unusable(&error))?;
        let ids: Vec<u8> = self.keyring_of(path, &secrets).map_err(|error| unusable(&error))?.ids().collect();
        if let KeyChange::Remove { id, .. } = change
            && ids_in_use.contains(&id)
            && !ids.contains(&id)
        {
            return self.keyring_of(path, &secrets).map_err(|error| unusable(&error));
        }
        let before = secrets.clone();
        let secrets = self.changed(path, secrets, &ids, change)?;
        let keyring = self.keyring_of(path, &secrets).map_err(|error| unusable(&error))?;
        if secrets != before {
            file::write_secrets(path, &secrets)
                .map_err(|error| KeyRefused::File { reason: format!("secret_file: {}: {error}", path.display()) })?;
        }
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
            KeyChange::Add { secret } if secrets.contains(&secret) => {}
            KeyChange::Add { secret } => {
                let alone = self.keyring_of(path, std::slice::from_ref(&secret)).map_err(|error| unusable(&error))?;
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

/// The sentence names the file.
fn unusable(error: &CredentialError) -> KeyRefused {
    KeyRefused::File { reason: error.to_string() }
}
