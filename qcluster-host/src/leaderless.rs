//! A node that cannot find a leader says so, now and then.

use qcluster_core::{Rules, Span, Time};

/// As many leases without a leader are worth a word.
const PATIENCE_LEASES: u64 = 10;

/// The longest pause between two words.
const PAUSE_MAX: Span = Span::from_millis(60_000);

/// When to say next that nobody leads.
#[derive(Debug)]
pub struct LeaderlessWarning {
    patience: Span,
    /// Where nobody leads: when to say so, and how long to pause after that.
    next: Option<(Time, Span)>,
}

impl LeaderlessWarning {
    /// A warning whose patience follows the lease.
    pub fn new(rules: &Rules) -> Self {
        Self { patience: patience(rules), next: None }
    }

    /// Somebody leads.
    pub fn over(&mut self) {
        self.next = None;
    }

    /// Nobody leads: whether to say so now.
    pub fn lasts(&mut self, now: Time) -> bool {
        let (at, pause) = *self.next.get_or_insert((now + self.patience, self.patience));
        let due = now >= at;
        if due {
            self.next = Some((now + pause, pause.times(2).min(PAUSE_MAX.max(self.patience))));
        }
        due
    }
}

fn patience(rules: &Rules) -> Span {
    rules.timing().lease.times(PATIENCE_LEASES)
}

#[cfg(test)]
mod tests;
