//! A datagram arrives, and what it must not bring about.

use qcluster_core::{DropReason, ElectionMessage, Input, Role, Time};

use super::{Recording, World};
use crate::engine::Label;
use crate::marks::Mark;
use crate::oracle::{Named, Rule, Seals};
use crate::setup::Assumption;
use crate::trace::Happening;
use crate::wire::Said;

impl World {
    pub(super) fn deliver(&mut self, slot: u32) {
        let Self { engine, hosts, monitor, .. } = self;
        let index = usize::from(engine.label(slot).to.host);
        let host = &mut hosts[index];
        if !engine.arrives(slot, &mut host.machine) {
            return;
        }
        let label = *engine.label(slot);
        let bytes = engine.lend(slot);
        monitor.stats.delivered += 1;
        monitor.hash.add_bytes(&bytes);
        match &mut host.keys {
            None => self.hand_over(index, &label, &bytes),
            Some(keys) => {
                let outcome = keys.open(&bytes);
                let plain = core::mem::take(&mut keys.opened);
                let verdict = outcome.map(|()| plain.as_slice());
                let verdict = monitor.oracles.seals.opened(index, &bytes, label.origin.as_ref(), verdict);
                monitor.judge(index, verdict);
                match outcome {
                    Ok(()) => self.hand_over_opened(index, &label, &plain),
                    Err(reason) => self.refuse(index, &label, reason),
                }
                if let Some(keys) = &mut self.hosts[index].keys {
                    keys.opened = plain;
                }
            }
        }
        self.engine.give_back(slot, bytes);
    }

    /// What the seal of a host lets in.
    fn hand_over_opened(&mut self, host: usize, label: &Label, plain: &[u8]) {
        let incarnation = self.node(host).map(qcluster_core::Node::incarnation);
        self.hand_over(host, label, plain);
        let has_listened = self.hosts[host].keys.as_ref().is_some_and(|keys| keys.has_listened);
        let (Some(origin), Some(heard), true) = (&label.origin, &label.heard, has_listened) else { return };
        let named = if incarnation == Some(heard.to_incarnation) { Named::ThisOne } else { Named::AnotherOne };
        self.monitor.judge(host, Seals::listened(host, origin, named));
    }

    /// What it does not let in is counted, and draws nothing.
    fn refuse(&mut self, host: usize, label: &Label, reason: DropReason) {
        let from = label.sender.map(usize::from);
        self.monitor.note(host, || Happening::Refused { from, reason });
        let machine = &self.hosts[host].machine;
        // Whatever a node is given, it finds that its clock went back (E15), and that it is time for something.
        let judged = self.setup.rates == Assumption::Kept && machine.deadline() > machine.now(self.engine.now);
        let sent = self.monitor.stats.sent;
        self.step(host, Input::Refused(reason));
        if judged && self.monitor.stats.sent > sent {
            let detail = format!("answers a datagram that its seal has refused ({})", reason.name());
            self.monitor.breach(host, Rule::RefusedUnanswered, detail);
        }
    }

    /// A host is given a datagram, as its endpoint reads it.
    fn hand_over(&mut self, host: usize, label: &Label, bytes: &[u8]) {
        let Self { hosts, monitor, .. } = self;
        let Some(node) = hosts[host].machine.node() else { return };
        let (from, sender) = (label.from, label.sender.map(usize::from));
        let message = label.heard.as_ref().map(|heard| &heard.message);
        let is_gossip = matches!(message, Some(Said::Gossip));
        let is_stale = matches!(
            message,
            Some(Said::Election(ElectionMessage::Heartbeat { term: spoken, .. })) if *spoken < node.term()
        );
        if let Some(heard) = &label.heard {
            monitor.oracles.received(host, node.incarnation(), heard);
        }
        if monitor.recording == Recording::On {
            let message = message.copied();
            monitor.note(host, || Happening::Received { from: sender, message });
        }
        let input = Input::Datagram { from, bytes };
        let is_ours = label.heard.is_some() && sender.is_some() && !self.cannot_open(host, label);
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
    }

    /// Whether a datagram is sealed, and its receiver has no secret.
    fn cannot_open(&self, host: usize, label: &Label) -> bool {
        label.origin.is_some_and(|origin| origin.is_sealed())
            && self.hosts[host].keys.as_ref().is_some_and(|keys| keys.mode().is_none())
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
