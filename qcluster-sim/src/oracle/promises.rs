//! Promises, as the simulator counts them: one a voter (E2′, E9), kept against votes and pre-votes (E5, E6), and a quorum of
//! them under every lease (E3).
//!
//! They are kept by the clocks of *machines*, which go on over restarts: what a process forgets in a crash, its machine is
//! still held to.

use std::collections::VecDeque;

use qcluster_core::{Incarnation, Span, Time};

use super::{Breach, Reign, Rule, Scene, Target};
use crate::engine::Clock;
use crate::setup::HostSet;

/// What a voter on one machine has promised last.
#[derive(Clone, Debug)]
struct Promise {
    to: Reign,
    /// Whose name the machine bore, and in which incarnation.
    by: (usize, Incarnation),
    /// When, on real time.
    at: Time,
    /// On the clock of its machine.
    until: Time,
    /// The same on real time.
    ends: Time,
    /// Until then, on real time, a lease may rest on it: as long as the promise lasts on the fastest clock.
    trusted_until: Time,
}

/// What the voters have promised, and which leaderships are over.
#[derive(Debug)]
pub(super) struct Promises {
    live: Vec<Option<Promise>>,
    /// By voter: since when each of its incarnations has taken part, on real time.
    parts: Vec<Vec<(Incarnation, Time)>>,
    /// By leader: for its latest incarnations, the last term that it released its voters from. Its word may be heard much later.
    released: Vec<VecDeque<(Incarnation, u64)>>,
    /// By host: in which incarnation it acknowledged which leadership last, and the newest of its heartbeats.
    acked: Vec<Option<(Incarnation, Reign, Time)>>,
    /// By leader: the last leadership in which it asked a voter whether it could win (E11).
    consented: Vec<Option<(Incarnation, u64)>>,
}

impl Promises {
    const LIVES_REMEMBERED: usize = 64;

    pub(super) fn new(hosts: usize) -> Self {
        Self {
            live: vec![None; hosts],
            parts: vec![Vec::new(); hosts],
            released: vec![VecDeque::new(); hosts],
            acked: vec![None; hosts],
            consented: vec![None; hosts],
        }
    }

    /// A voter's clock has changed, and with it the end of its promise on real time.
    pub(super) fn clock_changed(&mut self, voter: usize, clock: &Clock) {
        if let Some(promise) = &mut self.live[voter] {
            promise.ends = clock.when(promise.until);
        }
    }

    /// A leader asks for promises of that length: it has promised itself, as far as it would remember that after a crash (E23).
    pub(super) fn led(&mut self, scene: &Scene<'_>, term: u64, lease: Span) {
        let reign = Reign { identity: scene.identity, incarnation: scene.incarnation, term };
        let remembered = scene.synced.filter(|_| scene.durable).map_or(lease, |state| state.lease.min(lease));
        self.note(scene, reign, remembered);
    }

    fn note(&mut self, scene: &Scene<'_>, to: Reign, lease: Span) {
        let until = scene.machine() + lease;
        let slot = &mut self.live[scene.host];
        let by = (scene.identity, scene.incarnation);
        // A shorter promise after a longer one to the same leadership leaves that as it is.
        if slot.as_ref().is_some_and(|promise| promise.to == to && promise.by == by && promise.until >= until) {
            return;
        }
        let ends = scene.clock.when_after(scene.at, until);
        let million = 1_000_000;
        let shortest = lease.times(million).split(million + u64::from(scene.plan.drift_ppm));
        *slot = Some(Promise { to, by, at: scene.at, until, ends, trusted_until: scene.at + shortest });
    }

    /// A voter acknowledges a heartbeat: none that another of the same leadership has overtaken.
    pub(super) fn acknowledged(&mut self, scene: &Scene<'_>, to: Reign, sent_at: Time) -> Result<(), Breach> {
        let by = scene.incarnation;
        match self.acked[scene.host].replace((by, to, sent_at)) {
            Some((incarnation, of, newest)) if incarnation == by && of == to && sent_at <= newest => {
                let detail =
                    format!("acknowledges a heartbeat of {sent_at} after one of {newest}, both of t{}", to.term);
                Err(Breach::new(Rule::StaleIgnored, detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A voter acknowledges a heartbeat: it promises.
    pub(super) fn promised(&mut self, scene: &Scene<'_>, to: Reign, lease: Span) -> Result<(), Breach> {
        if let Some(other) = self.binding(scene, to.identity, to.incarnation) {
            let detail = format!(
                "promises itself to host {} in t{}, bound to host {} in t{} for {} more",
                to.identity,
                to.term,
                other.to.identity,
                other.to.term,
                other.ends.since(scene.at)
            );
            return Err(Breach::new(Rule::OnePromise, detail));
        }
        self.note(scene, to, lease);
        Ok(())
    }

    /// This incarnation takes part: its boot wait is over, or it gives its first word.
    pub(super) fn takes_part(&mut self, scene: &Scene<'_>) {
        let parts = &mut self.parts[scene.identity];
        if parts.last().is_none_or(|(incarnation, _)| *incarnation != scene.incarnation)
            && !parts.iter().any(|(incarnation, _)| *incarnation == scene.incarnation)
        {
            parts.push((scene.incarnation, scene.at));
        }
    }

    /// Whether what that incarnation promised then binds later ones too: not if one of them took part already, for
    /// nobody who knows that incarnation counts on the earlier one any more (E24).
    fn binds_later_incarnations(&self, promise: &Promise) -> bool {
        let (identity, by) = promise.by;
        !self.parts[identity].iter().any(|(incarnation, since)| *incarnation > by && *since < promise.at)
    }

    /// The promise that binds this voter against that candidate: its own, or that of an earlier incarnation of its
    /// name, on this machine or another (E9).
    fn binding(&mut self, scene: &Scene<'_>, identity: usize, incarnation: Incarnation) -> Option<&Promise> {
        self.takes_part(scene);
        let binds = |host: usize, promise: &Promise| {
            let same = promise.to.identity == identity && promise.to.incarnation == incarnation;
            let (name, incarnation) = promise.by;
            // Another machine has a clock of its own, on which a boot wait is as long as any lease (E9), not as any promise.
            let ended =
                if host == scene.host { scene.machine() >= promise.until } else { scene.at >= promise.trusted_until };
            let counts = incarnation == scene.incarnation
                || (incarnation < scene.incarnation && self.binds_later_incarnations(promise));
            name == scene.identity && counts && !same && !ended && !self.is_released(promise.to)
        };
        let mut given = self.live.iter().enumerate();
        given.find_map(|(host, slot)| slot.as_ref().filter(|promise| binds(host, promise)))
    }

    pub(super) fn is_released(&self, reign: Reign) -> bool {
        let mut incarnations = self.released[reign.identity].iter();
        incarnations.any(|(incarnation, term)| *incarnation == reign.incarnation && *term >= reign.term)
    }

    pub(super) fn released(&mut self, scene: &Scene<'_>, term: u64) {
        let incarnations = &mut self.released[scene.identity];
        if let Some((_, released)) = incarnations.iter_mut().find(|(incarnation, _)| *incarnation == scene.incarnation)
        {
            *released = term.max(*released);
            return;
        }
        if incarnations.len() >= Self::LIVES_REMEMBERED {
            incarnations.pop_front();
        }
        incarnations.push_back((scene.incarnation, term));
    }

    pub(super) fn consented(&mut self, scene: &Scene<'_>, term: u64) {
        self.consented[scene.identity] = Some((scene.incarnation, term));
    }

    /// A voter says that a candidate could win.
    pub(super) fn pre_voted(&mut self, scene: &Scene<'_>, candidate: Target) -> Result<(), Breach> {
        let Some(promise) = self.binding(scene, candidate.identity, candidate.incarnation).cloned() else {
            return Ok(());
        };
        let Reign { identity, incarnation, term } = promise.to;
        if self.consented[identity] == Some((incarnation, term)) {
            return Ok(());
        }
        Err(against("pre-vote", scene, candidate, &promise))
    }

    /// A voter gives its vote, maybe to itself.
    pub(super) fn voted(&mut self, scene: &Scene<'_>, candidate: Target) -> Result<(), Breach> {
        match self.binding(scene, candidate.identity, candidate.incarnation) {
            Some(promise) => Err(against("vote", scene, candidate, promise)),
            None => Ok(()),
        }
    }

    /// A lease that ends at `until` must stand on the promises of a quorum that last at least as long.
    pub(super) fn witness(&self, scene: &Scene<'_>, term: u64, until: Time) -> Result<(), Breach> {
        let reign = Reign { identity: scene.identity, incarnation: scene.incarnation, term };
        let stands = |promise: &&Promise| promise.to == reign && promise.ends >= until;
        let mut witnesses: HostSet = self.live.iter().flatten().filter(stands).map(|promise| promise.by.0).collect();
        if scene.plan.all_voters().len() == 1 {
            // A single voter says nothing to anybody, so its promise to itself is not seen.
            witnesses.insert(scene.identity);
        }
        if scene.plan.is_quorum(witnesses) {
            return Ok(());
        }
        let detail = format!(
            "its lease of token {term} lasts until {until}, and of its voters only {witnesses} are bound so long"
        );
        Err(Breach::new(Rule::LeaseWitnessed, detail))
    }
}

/// A promise of a voter that saves lasts for as long as its disk says, or its next incarnation would wait for too short
/// a time (E9).
pub(super) fn check_synced(scene: &Scene<'_>, lease: Span) -> Result<(), Breach> {
    if !scene.durable || scene.synced.is_some_and(|state| state.lease >= lease) {
        return Ok(());
    }
    let saved = scene.synced.map(|state| state.lease);
    let detail = format!("promises itself for {lease}, and its disk knows of {saved:?}");
    Err(Breach::new(Rule::SyncedBeforeSent, detail))
}

fn against(what: &str, scene: &Scene<'_>, candidate: Target, promise: &Promise) -> Breach {
    let detail = format!(
        "gives host {} its {what}, bound to host {} in t{} for {} more",
        candidate.identity,
        promise.to.identity,
        promise.to.term,
        promise.ends.since(scene.at)
    );
    Breach::new(Rule::VoteKeepsPromise, detail)
}
