//! A datagram arrives, and what it must not bring about.

use qcluster_core::{DropReason, ElectionMessage, Endpoint, Input, Role, Time};

use super::engine::Engine;
use super::{Recording, World};
use crate::marks::Mark;
use crate::oracle::Rule;
use crate::queue::Job;
use crate::setup::{Assumption, HostSet};
use crate::trace::Happening;
use crate::wire::Said;

impl World {
    pub(super) fn deliver(&mut self, slot: u32) {
        let label = self.engine.packets.label(slot);
        let host = usize::from(label.to_host);
        let reached = label.to_generation == self.engine.generations[host];
        let Some(endpoint) = self.hosts[host].endpoint.as_ref().filter(|_| reached) else {
            return self.engine.packets.release(slot);
        };
        let (incarnation, term) = (endpoint.node().incarnation(), endpoint.node().term());
        if !self.is_ready(host, Job::Deliver(slot)) {
            return;
        }
        let Engine { packets, oracles, stats, recording, .. } = &mut self.engine;
        let label = packets.label(slot);
        let (sender, from) = (label.from, usize::from(label.from_host));
        let message = label.heard.as_ref().map(|heard| &heard.message);
        let is_gossip = matches!(message, Some(Said::Gossip));
        let is_ours = label.heard.is_some() && from < HostSet::CAPACITY;
        let is_stale = matches!(
            message,
            Some(Said::Election(ElectionMessage::Heartbeat { term: spoken, .. })) if *spoken < term
        );
        if let Some(heard) = &label.heard {
            oracles.received(host, incarnation, heard);
        }
        stats.delivered += 1;
        let message = message.filter(|_| *recording == Recording::On).copied();
        if self.engine.recording == Recording::On {
            let from = (from < HostSet::CAPACITY).then_some(from);
            self.engine.note(host, || Happening::Received { from, message });
        }
        let bytes = self.engine.packets.lend(slot);
        self.engine.hash.add_bytes(&bytes);
        let input = Input::Datagram { from: sender, bytes: &bytes };
        let unread = is_ours.then(|| self.unread(host));
        if is_gossip {
            self.step_with_gossip(host, input);
        } else if is_stale {
            self.step_with_stale(host, input);
        } else {
            self.step(host, input);
        }
        if unread.is_some_and(|before| self.unread(host) > before) {
            self.engine.breach(
                from,
                Rule::Readable,
                format!("sends {} bytes that host {host} cannot read", bytes.len()),
            );
        }
        self.engine.packets.give_back(slot, bytes);
    }

    /// How many datagrams the present incarnation of a host could not read, whole or in part. All hosts are of one
    /// cluster and of one release.
    fn unread(&self, host: usize) -> u64 {
        const UNREADABLE: [DropReason; 4] =
            [DropReason::Malformed, DropReason::Version, DropReason::ForeignCluster, DropReason::UnknownKey];
        let counters = self.node(host).map(qcluster_core::Node::counters);
        counters.map_or(0, |counters| UNREADABLE.iter().map(|reason| counters.dropped[*reason]).sum())
    }

    /// A leader of a term that is over may speak, and must not hold anybody.
    fn step_with_stale(&mut self, host: usize, input: Input<'_>) {
        let deadline = |world: &Self| world.hosts[host].endpoint.as_ref().map_or(Time::ZERO, Endpoint::deadline);
        let before = deadline(self);
        self.step(host, input);
        let after = deadline(self);
        // With gossip, a deadline may be that of news which came along.
        let kept = self.setup.rates == Assumption::Kept && self.setup.gossip.is_none();
        if kept && after > before && before > self.hosts[host].now(self.engine.now) {
            let detail = format!("a heartbeat of a lower term moves its deadline from {before} to {after}");
            self.engine.breach(host, Rule::StaleIgnored, detail);
        }
    }

    /// What members say is for display (E19): it is as if the time alone had been given in.
    fn step_with_gossip(&mut self, host: usize, input: Input<'_>) {
        let seen = |world: &Self| world.node(host).map(|node| (node.incarnation(), node.term(), node.role()));
        let before = seen(self);
        self.step(host, input);
        let (Some((incarnation, term, role)), Some((incarnation_after, term_after, role_after))) = (before, seen(self))
        else {
            return;
        };
        if incarnation != incarnation_after {
            return;
        }
        let rises = role_after != role && matches!(role_after, Role::PreCandidate | Role::Candidate | Role::Leader);
        if term_after != term || rises {
            let detail =
                format!("gossip makes a {} of term {term:?} a {} of {term_after:?}", role.name(), role_after.name());
            self.engine.breach(host, Rule::GossipNeverVotes, detail);
        }
        if self.node(host).is_some_and(|node| node.leader().is_none() && node.reported_leader().is_some()) {
            self.engine.marks.reach(Mark::ReportedLeader);
        }
    }
}
