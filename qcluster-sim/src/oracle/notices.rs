//! `Elected` and `Lost` alternate in every incarnation, `Elected` first, and say what the lease says after every step; a hand-over
//! ends when it said, and a lease when the clock goes back.

use qcluster_core::{HeldLease, Notification, Time};

use super::{Breach, Rule, Scene};

/// What the application of one process was told.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// The token that it believes it holds.
    holds: Option<u64>,
    /// When the hand-over of that will no longer wait for it.
    draining_until: Option<Time>,
    /// Whether it knows that state could not be saved.
    storage_failed: bool,
    /// The time that the process was given last.
    latest: Time,
    /// The token of the lease that it held then.
    held: Option<u64>,
}

/// By host.
#[derive(Debug)]
pub(super) struct Notices {
    told: Vec<Told>,
}

impl Notices {
    pub(super) fn new(hosts: usize) -> Self {
        Self { told: vec![Told::default(); hosts] }
    }

    pub(super) fn started(&mut self, host: usize) {
        self.told[host] = Told::default();
    }

    pub(super) fn told(
        &mut self,
        scene: &Scene<'_>,
        notification: &Notification,
        lease: Option<HeldLease>,
    ) -> Result<(), Breach> {
        let Told { holds, draining_until, storage_failed, .. } = &mut self.told[scene.host];
        match *notification {
            Notification::Elected { token } => {
                if let Some(earlier) = holds.replace(token.0) {
                    return breach(format!("elected with {token} while it holds {earlier}"));
                }
                if !scene.is_voter() {
                    return Err(Breach::new(Rule::ObserversPassive, "an observer was elected".into()));
                }
            }
            Notification::Lost { token, .. } => {
                *draining_until = None;
                if holds.take() != Some(token.0) {
                    return breach(format!("lost {token}, which it did not hold"));
                }
                if lease.is_some_and(|lease| lease.token == token) {
                    return breach(format!("lost {token}, and its lease says otherwise"));
                }
            }
            Notification::Draining { until } => {
                if holds.is_none() {
                    return breach("draining while it holds nothing".into());
                }
                *draining_until = Some(until);
            }
            Notification::StorageFailed => *storage_failed = true,
            _ => {}
        }
        Ok(())
    }

    /// A process goes on after it was asked to stop: its leadership, if it has one, is being handed over.
    pub(super) fn shut_down(&self, host: usize) -> Result<(), Breach> {
        match self.told[host] {
            Told { holds: Some(token), draining_until: None, .. } => {
                Err(Breach::new(Rule::DrainEnds, format!("was shut down, and still leads with token {token}")))
            }
            Told { .. } => Ok(()),
        }
    }

    /// A process goes on after a save has failed: its operator is to know.
    pub(super) fn save_failed(&self, host: usize) -> Result<(), Breach> {
        if self.told[host].storage_failed { Ok(()) } else { breach("a save has failed, and nobody was told".into()) }
    }

    /// All of a step is carried out; `lease` is what the node holds after it, and `ends` whether it was the last.
    pub(super) fn carried_out(
        &mut self,
        scene: &Scene<'_>,
        lease: Option<HeldLease>,
        ends: bool,
    ) -> Result<(), Breach> {
        let now = scene.local;
        let Told { holds, draining_until, latest, held, .. } = &mut self.told[scene.host];
        let token = lease.map(|lease| lease.token.0);
        // One that is alone may be elected in the very step in which its clock has gone back.
        if now < *latest && token.is_some() && token == *held {
            let detail = format!("still holds its lease although its clock went back from {latest} to {now}");
            return Err(Breach::new(Rule::ClockBack, detail));
        }
        (*latest, *held) = (now, token);
        if ends && let Some(token) = holds {
            return breach(format!("has stopped, and its application believes that it holds {token}"));
        }
        if token != *holds {
            return breach(format!("its lease is {token:?}, and its application was told of {holds:?}"));
        }
        // Timers fire late, but not by a lease: without them the lease ends of itself.
        if let Some(until) = draining_until.filter(|until| *until + scene.plan.max_lease <= now) {
            let detail = format!("still leads at {now} although its hand-over waits until {until} only");
            return Err(Breach::new(Rule::DrainEnds, detail));
        }
        Ok(())
    }
}

fn breach(detail: String) -> Result<(), Breach> {
    Err(Breach::new(Rule::NoticesAlternate, detail))
}
