//! Under which key other nodes are heard, and who is turned away for want of one (S4, S5).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use qcluster_api::{KeysSnapshot, TurnedAway};
use qcluster_core::seal::Seal;
use qcluster_core::{DropReason, Node, NodeKey, State, Time};

/// The most addresses that were turned away and are remembered, the latest.
const TURNED_AWAY_MAX: usize = 16;

/// What a node with a secret has heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The key of the last datagram of each node that was listened to; `None` of a plain one.
    under: BTreeMap<NodeKey, Option<u8>>,
    /// The latest last.
    turned_away: Vec<TurnedAway>,
    /// What others read, unless something has happened since.
    shown: Option<Arc<KeysSnapshot>>,
}

impl Heard {
    /// A node was listened to.
    pub(super) fn heard(&mut self, node: &Node, sender: NodeKey, key_id: Option<u8>) {
        match self.under.get_mut(&sender) {
            Some(known) if *known == key_id => return,
            Some(known) => *known = key_id,
            None => {
                // Nodes that are no members are forgotten once there are more entries than members and voters.
                if self.under.len() > node.members().count() + node.rules().voters().len() {
                    self.under.retain(|other, _| is_known(node, *other));
                }
                self.under.insert(sender, key_id);
            }
        }
        self.shown = None;
    }

    /// A datagram was not let in.
    pub(super) fn turned_away(&mut self, address: SocketAddr, reason: DropReason, at: Time) {
        if !matches!(reason, DropReason::UnknownKey | DropReason::NotSealed | DropReason::Forged) {
            return;
        }
        self.turned_away.retain(|other| other.address != address);
        if self.turned_away.len() == TURNED_AWAY_MAX {
            self.turned_away.remove(0);
        }
        self.turned_away.push(TurnedAway { address, reason, at });
        self.shown = None;
    }

    /// The keys have changed.
    pub(super) fn changed(&mut self) {
        self.shown = None;
    }

    /// What others read of it.
    pub(super) fn snapshot(&mut self, node: &Node, seal: &Seal) -> Arc<KeysSnapshot> {
        let Self { under, turned_away, shown } = self;
        let shown = shown.get_or_insert_with(|| {
            let under = under.iter().filter(|(other, _)| is_known(node, **other));
            let named = |(key, id): (&NodeKey, &Option<u8>)| Some((name_of(node, *key)?, *id));
            let mut heard: Vec<_> = under.filter_map(named).collect();
            heard.sort();
            let ids = seal.keyring().ids().collect();
            Arc::new(KeysSnapshot { mode: seal.mode(), ids, heard, turned_away: turned_away.clone() })
        });
        Arc::clone(shown)
    }
}

/// One that has left needs no key any more.
fn is_known(node: &Node, key: NodeKey) -> bool {
    let member = node.member(key);
    member.as_ref().is_none_or(|member| member.state != State::Left)
        && (member.is_some() || node.rules().index_of(key).is_some())
}

fn name_of(node: &Node, key: NodeKey) -> Option<String> {
    let voter = node.rules().index_of(key).map(|index| node.rules().at(index).id.clone());
    let name = voter.or_else(|| node.member(key).map(|member| member.id));
    name.map(|name| name.as_str().to_owned())
}
