//! `Elected` and `Lost` alternate in every life, `Elected` first, and say what the lease says.

use qcluster_core::{Lease, Notification};

use super::{Breach, Rule, Scene};

/// By host: the token that its application believes it holds.
#[derive(Debug)]
pub(super) struct Notices {
    holds: Vec<Option<u64>>,
}

impl Notices {
    pub(super) fn new(hosts: usize) -> Self {
        Self { holds: vec![None; hosts] }
    }

    pub(super) fn started(&mut self, host: usize) {
        self.holds[host] = None;
    }

    pub(super) fn told(
        &mut self,
        scene: &Scene<'_>,
        notification: &Notification,
        lease: Option<Lease>,
    ) -> Result<(), Breach> {
        let holds = &mut self.holds[scene.host];
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
                if holds.take() != Some(token.0) {
                    return breach(format!("lost {token}, which it did not hold"));
                }
                if lease.is_some_and(|lease| lease.token == token) {
                    return breach(format!("lost {token}, and its lease says otherwise"));
                }
            }
            Notification::Draining { .. } => {
                if holds.is_none() {
                    return breach("draining while it holds nothing".into());
                }
            }
            Notification::LeaderChanged { .. }
            | Notification::ConfigMismatch { .. }
            | Notification::StorageFailed
            | Notification::TwinSeen { .. }
            | Notification::Twin { .. }
            | Notification::Member(_)
            | Notification::Service(_)
            | Notification::Trust { .. } => {}
        }
        Ok(())
    }
}

fn breach(detail: String) -> Result<(), Breach> {
    Err(Breach::new(Rule::NoticesAlternate, detail))
}
