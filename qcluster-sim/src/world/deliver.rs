//! A datagram arrives, and what it must not bring about.

use qcluster_core::{DropReason, ElectionMessage, Input, Role, Time};

use super::{Recording, World};
use crate::marks::Mark;
use crate::oracle::Rule;
use crate::setup::Assumption;
use crate::trace::Happening;
use crate::wire::Said;

impl World {
    pub(super) fn deliver(&mut self, slot: u32) {
        let Self { engine, hosts, monitor, .. } = self;
        let host = usize::from(engine.label(slot).to.host);
        let machine = &mut hosts[host].machine;
        if !engine.arrives(slot, machine) {
            return;
        }
        let Some(node) = machine.node() else { return };
        let label = engine.label(slot);
        let (from, sender) = (label.from, label.sender.map(usize::from));
        let message = label.heard.as_ref().map(|heard| &heard.message);
        let is_gossip = matches!(message, Some(Said::Gossip));
        let is_ours = label.heard.is_some() && sender.is_some();
        let is_stale = matches!(
            message,
            Some(Said::Election(ElectionMessage::Heartbeat { term: spoken, .. })) if *spoken < node.term()
        );
        if let Some(heard) = &label.heard {
            monitor.oracles.received(host, node.incarnation(), heard);
        }
        monitor.stats.delivered += 1;
        if monitor.recording == Recording::On {
            let message = message.copied();
            monitor.note(host, || Happening::Received { from: sender, message });
        }
        let bytes = engine.lend(slot);
        monitor.hash.add_bytes(&bytes);
        let input = Input::Datagram { from, bytes: &bytes };
        let unread = is_ours.then(|| self.unread(host));
        if is_gossip {
            self.step_with_gossip(host, input);
        } else if is_stale {
            self.step_with_stale(host, input);
        } else {
            self.step(host, input);
        }
        if unread.is_some_and(|before| self.unread(host) > before) {
            self.monitor.breach(
                sender.unwrap_or(host),
                Rule::Readable,
                format!("sends {} bytes that host {host} cannot read", bytes.len()),
            );
        }
        self.engine.give_back(slot, bytes);
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
        let before = self.hosts[host].machine.deadline();
        self.step(host, input);
        let machine = &self.hosts[host].machine;
        let after = if machine.endpoint.is_some() { machine.deadline() } else { Time::ZERO };
        // With gossip, a deadline may be that of news which came along.
        let kept = self.setup.rates == Assumption::Kept && self.setup.gossip.is_none();
        if kept && after > before && before > machine.now(self.engine.now) {
            let detail = format!("a heartbeat of a lower term moves its deadline from {before} to {after}");
            self.monitor.breach(host, Rule::StaleIgnored, detail);
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
            self.monitor.breach(host, Rule::GossipNeverVotes, detail);
        }
        if self.node(host).is_some_and(|node| node.leader().is_none() && node.reported_leader().is_some()) {
            self.monitor.marks.reach(Mark::ReportedLeader);
        }
    }
}
