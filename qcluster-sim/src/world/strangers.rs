//! What strangers send: noise, what they have overheard, as it was or changed, and what they have sealed themselves.

use std::net::{Ipv4Addr, SocketAddr};

use qcluster_core::seal::Seal;
use qcluster_core::{SealMode, Secret};

use super::World;
use super::overheard::Caught;
use crate::engine::{Label, short};
use crate::fault::Hostility;
use crate::origin::unsealed;
use crate::rng::Rng;
use crate::secrets::{draw, draw_prefix, draw_with_id, keyring_of};
use crate::setup::CLUSTER;
use crate::wire;

/// The name of another cluster.
const ELSEWHERE: &str = "elsewhere";
/// Version, cluster tag and key id.
const CLEAR_LEN: usize = 6;
const KEY_ID_AT: usize = CLEAR_LEN - 1;

impl World {
    pub(super) fn attack(&mut self, to: usize, hostility: Hostility) {
        if to >= self.hosts.len() {
            return;
        }
        match hostility {
            Hostility::Noise | Hostility::Replay | Hostility::Mutant => self.send_overheard(to, hostility),
            Hostility::Forged => {
                if let Some(sealed) = &mut self.monitor.overheard.sealed {
                    sealed.forges[to] = true;
                }
            }
            Hostility::Plain | Hostility::Foreign | Hostility::Rekeyed => self.send_made(to, hostility),
        }
    }

    fn send_overheard(&mut self, to: usize, hostility: Hostility) {
        let stranger = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
        let rng = &mut self.rng;
        let picked = self.monitor.overheard.pick(rng);
        let (mut from, mut bytes, origin, heard) = match picked {
            Some(Caught { from, bytes, origin, heard }) if hostility != Hostility::Noise => {
                (*from, bytes.clone(), *origin, *heard)
            }
            Some(_) | None => {
                (stranger, (0..rng.below(200)).map(|_| rng.next().to_le_bytes()[0]).collect(), None, None)
            }
        };
        if hostility == Hostility::Mutant {
            for _ in 0..3 {
                let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = rng.next().to_le_bytes()[0];
                }
            }
        }
        if rng.one_in(4) {
            from = stranger;
        }
        // Three bytes may have become what they were.
        let is_whole = hostility == Hostility::Replay || picked.is_some_and(|caught| caught.bytes == bytes);
        let is_sealed = self.monitor.overheard.sealed.is_some();
        let origin = origin.filter(|_| is_whole);
        let heard = match hostility {
            Hostility::Replay if is_sealed => heard,
            Hostility::Replay => wire::read(&bytes),
            _ => None,
        };
        let label = Label { from, sender: None, to: self.hosts[to].machine.place(), heard, origin };
        self.engine.inject(&label, &bytes);
    }

    /// A datagram that says what a node said, and that a stranger has put into a frame.
    fn send_made(&mut self, to: usize, hostility: Hostility) {
        let Some(sealed) = &self.monitor.overheard.sealed else { return };
        let Some(Caught { from, bytes: plain, heard, .. }) = sealed.last_to(to).cloned() else { return };
        let place = self.hosts[to].machine.place();
        let label = Label { from, sender: None, to: place, heard: None, origin: None };
        if hostility == Hostility::Plain {
            let origin = Some(unsealed(short(to), &plain));
            return self.engine.inject(&Label { heard, origin, ..label }, &plain);
        }
        let Some(keys) = self.hosts[to].keys.as_ref().map(|keys| keys.files.keys.clone()) else { return };
        let (ids, _) = self.secrets.keyring(&keys);
        let bytes = match hostility {
            Hostility::Rekeyed => rekeyed(&mut self.rng, &ids, &plain),
            _ => foreign(&mut self.rng, &ids, keys.first().and_then(|key| self.secrets.known(*key)), &plain),
        };
        if let Some(bytes) = bytes {
            self.engine.inject(&label, &bytes);
        }
    }
}

/// Sealed with a key that has the id of the first one of the receiver, by another secret.
fn rekeyed(rng: &mut Rng, ids: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let secret = draw_with_id(rng, *ids.first()?);
    sealed_by(rng, CLUSTER, &secret, plain)
}

/// Sealed in another cluster, which may have the same secret or the same name: it bears a tag of its own, or this one's and the id of a key
/// that is known here.
fn foreign(rng: &mut Rng, ids: &[u8], own: Option<&Secret>, plain: &[u8]) -> Option<Vec<u8>> {
    let other = draw(rng);
    let (cluster, secret) = match rng.below(3) {
        0 => (CLUSTER, &other),
        1 => (ELSEWHERE, &other),
        _ => (ELSEWHERE, own?),
    };
    let mut said = plain.to_vec();
    let pretends = rng.one_in(2);
    if cluster == ELSEWHERE && !pretends {
        // What is sealed bears the tag of what was to be.
        said.get_mut(1..KEY_ID_AT)?.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut bytes = sealed_by(rng, cluster, secret, &said)?;
    if pretends {
        bytes[KEY_ID_AT] = rng.pick(ids)?;
    }
    Some(bytes)
}

fn sealed_by(rng: &mut Rng, cluster: &str, secret: &Secret, plain: &[u8]) -> Option<Vec<u8>> {
    let mut seal = Seal::new(keyring_of(cluster, secret), SealMode::Require, draw_prefix(rng));
    seal.seal(plain).map(<[u8]>::to_vec)
}
