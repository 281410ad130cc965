//! Who has said goodbye is not told down (G4), unless nobody was able to hear it.

use qcluster_core::{MemberChange, MemberEvent, Span, Standing, Time};

use super::CrowdRule;

/// Who left, in which standing, and when faults last kept news from going round.
#[derive(Debug, Default)]
pub(crate) struct Goodbyes {
    left: Vec<Option<(Standing, Time)>>,
    disturbed: Time,
}

impl Goodbyes {
    /// So long after a fault an earlier suspicion may still end.
    const SETTLED: Span = Span::from_millis(120_000);

    pub(crate) fn left(&mut self, host: usize, standing: Standing, now: Time) {
        if self.left.len() <= host {
            self.left.resize(host + 1, None);
        }
        self.left[host] = Some((standing, now));
    }

    /// Something else than the loss of a single datagram keeps nodes from hearing one another until then.
    pub(crate) fn disturbed(&mut self, until: Time) {
        self.disturbed = self.disturbed.max(until);
    }

    /// What was disturbed forever is so no more.
    pub(crate) fn heal(&mut self, now: Time) {
        self.disturbed = now;
    }

    pub(crate) fn told(&self, member: usize, change: &MemberChange) -> Result<(), (CrowdRule, String)> {
        let Some(Some((standing, at))) = self.left.get(member) else { return Ok(()) };
        let undisturbed = *at >= self.disturbed + Self::SETTLED;
        if change.what == MemberEvent::Down && change.member.standing.incarnation == standing.incarnation && undisturbed
        {
            return Err((CrowdRule::LeftIsNotDown, format!("{} said goodbye at {at}", change.member.id)));
        }
        Ok(())
    }
}
