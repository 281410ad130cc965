//! No message storm: what one step gives out, and what a node sends in a lease, have bounds that follow from its cluster.

use qcluster_core::{GossipPace, Span, Time};

use super::{Breach, Rule, Scene};
use crate::engine::SOCKET_MAX;

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    ends: Time,
    sent: u64,
    sent_max: u64,
}

/// By host: what it has sent lately.
#[derive(Debug)]
pub(super) struct Traffic {
    windows: Vec<Window>,
    hosts: u64,
    gossip: Option<GossipPace>,
}

impl Traffic {
    pub(super) fn new(hosts: usize, gossip: Option<GossipPace>) -> Self {
        Self { windows: vec![Window::default(); hosts], hosts: hosts as u64, gossip }
    }

    pub(super) fn stepped(&mut self, scene: &Scene<'_>, sent: u32) -> Result<(), Breach> {
        // Losing a leadership, adopting a term and greeting may coincide; each speaks to everybody once.
        // What is owed goes out by eights, and news to three; a leave is told to everybody.
        let at_once = 8 * self.hosts + if self.gossip.is_some() { 32 } else { 0 };
        let sent = u64::from(sent);
        if sent > at_once {
            return Err(Breach::new(Rule::Bounded, format!("{sent} messages in one step, {at_once} are the most")));
        }
        if scene.at >= self.windows[scene.host].ends {
            let (ends, sent_max) = (scene.at + scene.plan.lease, self.budget(scene));
            self.windows[scene.host] = Window { ends, sent: 0, sent_max };
        }
        let window = &mut self.windows[scene.host];
        window.sent += sent;
        if window.sent > window.sent_max {
            let detail =
                format!("{} messages within {}, {} are the most", window.sent, scene.plan.lease, window.sent_max);
            return Err(Breach::new(Rule::Bounded, detail));
        }
        Ok(())
    }

    /// Probes with all that they may entail, news to three a tick, and what is owed in a measured flow; everybody else does the
    /// same, and is answered.
    fn gossip_budget(&self, lease: Span) -> u64 {
        let Some(GossipPace { probe, tick, .. }) = self.gossip else { return 0 };
        let often = |span: Span| lease.as_nanos() / span.as_nanos().max(1) + 2;
        self.hosts * (often(probe) * 12 + often(tick) * 4 + often(Span::from_millis(20)) * 8)
    }

    /// Everybody once a heartbeat for each of the things that a node may be about, generously; duplicates and what a frozen
    /// socket has gathered have answers too.
    fn budget(&self, scene: &Scene<'_>) -> u64 {
        let beats = scene.plan.lease.as_nanos() / scene.plan.heartbeat.as_nanos().max(1);
        self.hosts * (beats + 2) * 12 + 4 * SOCKET_MAX as u64 + self.gossip_budget(scene.plan.lease)
    }
}
