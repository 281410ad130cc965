//! No message storm: what one step gives out, and what a node sends in a lease, have bounds that follow from its cluster.

use qcluster_core::Time;

use super::{Breach, Rule, Scene};
use crate::host::Host;

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
}

impl Traffic {
    pub(super) fn new(hosts: usize) -> Self {
        Self { windows: vec![Window::default(); hosts], hosts: hosts as u64 }
    }

    pub(super) fn stepped(&mut self, scene: &Scene<'_>, sent: u32) -> Result<(), Breach> {
        // Losing a leadership, adopting a term and greeting may coincide; each speaks to everybody once.
        let at_once = 8 * self.hosts;
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

    /// Everybody once a heartbeat for each of the things that a node may be about, generously; duplicates and what a frozen
    /// socket has gathered have answers too.
    fn budget(&self, scene: &Scene<'_>) -> u64 {
        let beats = scene.plan.lease.as_nanos() / scene.plan.heartbeat.as_nanos().max(1);
        self.hosts * (beats + 2) * 12 + 4 * Host::BACKLOG_MAX as u64
    }
}
