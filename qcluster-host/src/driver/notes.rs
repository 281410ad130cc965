//! What the loop writes down of itself, for those who read without asking it.

use qcluster_api::PeerSnapshot;
use qcluster_core::{Step, Time, VoterIndex};

use super::{Driver, Effects};
use crate::publisher::Publisher;
use crate::snapshots::Notes;
use crate::sockets::DatagramSocket;

impl<S: DatagramSocket> Driver<S> {
    /// Writes the status down each heartbeat interval, and when what people look at first has changed.
    pub(super) fn snapshot(&mut self, now: Time) {
        let node = self.endpoint.node();
        let changed = {
            let last = &self.effects.publisher.snapshots.read().snapshot;
            last.role != Some(node.role())
                || last.term != node.term().0
                || last.storage.error().is_some() != self.effects.storage.error().is_some()
        };
        if changed || now >= self.snapshot_at {
            self.snapshot_at = now + node.rules().timing().heartbeat;
            self.write_snapshot();
            self.effects.publisher.mind_leaderless(now);
        }
    }

    pub(super) fn write_snapshot(&mut self) {
        let Self { clock, endpoint, effects, names, .. } = self;
        let node = endpoint.node();
        let (storage, transport) = (effects.storage.clone(), effects.sockets.counters());
        let slow = node.slow().filter(|slow| effects.believes(*slow));
        let keys = effects.seal.as_ref().map(|seal| effects.heard.snapshot(node, seal));
        let Effects { publisher: Publisher { snapshots, mismatches, last_lost, .. }, measures, .. } = effects;
        snapshots.write(|Notes { snapshot, measures: measured }| {
            measured.clone_from(measures);
            snapshot.taken_at = clock.now();
            snapshot.role = Some(node.role());
            snapshot.term = node.term().0;
            snapshot.incarnation = node.incarnation().0;
            snapshot.storage = storage;
            snapshot.counters.clone_from(node.counters());
            snapshot.is_in_middle_step = node.is_in_middle_step();
            snapshot.differing_steps = node.differing_steps().map(|two| two.map(VoterIndex::position));
            snapshot.step_is_established = node.step_is_established();
            snapshot.slow = slow;
            snapshot.last_lost = *last_lost;
            snapshot.lease_length = node.lease_length();
            snapshot.registry = node.registry_counts();
            snapshot.local_health = node.local_health();
            snapshot.transport = transport;
            snapshot.transport.unaddressed = endpoint.unaddressed();
            snapshot.transport.lookup_failures = names.failures;
            snapshot.own_name = names.own_whereabouts();
            snapshot.joins_itself = names.joins_itself();
            snapshot.keys = keys;
            snapshot.peers.clear();
            let rules = node.rules();
            for (position, voter) in rules.voters().iter().enumerate().filter(|(_, voter)| voter.id != *rules.id()) {
                let index = rules.index_of(voter.key);
                let address = index.and_then(|index| endpoint.address(index));
                let heard = index.and_then(|index| node.last_heard(index));
                let whereabouts = names.whereabouts(voter.key);
                let step = index.map_or(Step::Same, |index| node.step_of(index));
                let mismatch = mismatches.get(&position).copied();
                snapshot.peers.push(PeerSnapshot { position, address, heard, step, whereabouts, mismatch });
            }
        });
    }
}
