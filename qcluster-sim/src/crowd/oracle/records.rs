//! Records against what their owners wrote (G5, G8), and what is told of services against what there is.
//!
//! Only an owner's own node says what the owner wrote: each step of it that changes one of its services adds to the history
//! of that service, and so does the beginning of another incarnation, in which everything is gone at first. Whatever another node
//! shows has to stand in that history, and never before what it has shown already.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use qcluster_core::{Incarnation, Instance, Node, NodeKey, Service, ServiceChange};

use super::CrowdRule;

type Verdict = Result<(), (CrowdRule, String)>;

/// What owners wrote, and what every host was told of it.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// By the hash of the service's key: the hash of each content that it had, or that it was gone.
    histories: HashMap<u64, Vec<Option<u64>>>,
    /// The services that each owner ever had.
    of_owner: HashMap<NodeKey, Vec<u64>>,
    /// Nodes forget sooner than is looked at: an owner that was forgotten may come back below an incarnation that
    /// others still know, and until it has risen above, what it wrote in either is shown.
    forgetful: bool,
    incarnations: HashMap<NodeKey, Incarnations>,
    /// What each host was asked for and has granted, in its present incarnation.
    wanted: HashMap<usize, HashMap<String, Service>>,
    /// What each host was told, in its present incarnation.
    diaries: HashMap<usize, HashMap<u64, Shown>>,
}

/// What one host was told of one service last.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// It is there, with that content.
    content: Option<u64>,
    /// Where in its history that is, at the earliest.
    at: usize,
}

/// The incarnations of one owner.
#[derive(Clone, Copy, Debug)]
struct Incarnations {
    present: Incarnation,
    latest: Incarnation,
    /// Once it began below an earlier one.
    went_back: bool,
}

impl Records {
    /// How many rumors may wait in a registry.
    const RUMORS_MAX: usize = 1_024;

    pub(crate) fn new(forgetful: bool) -> Self {
        Self { forgetful, ..Self::default() }
    }

    /// A process begins on a host: it knows nothing.
    pub(crate) fn started(&mut self, host: usize, owner: NodeKey, incarnation: Incarnation) {
        self.incarnations(owner, incarnation);
        self.diaries.remove(&host);
        self.wanted.remove(&host);
        for key in self.of_owner.get(&owner).into_iter().flatten() {
            let history = self.histories.entry(*key).or_default();
            if history.last().is_some_and(Option::is_some) {
                history.push(None);
            }
        }
    }

    /// A node goes on in another incarnation: what it wrote is gone, and there again.
    pub(crate) fn renamed(&mut self, owner: NodeKey, incarnation: Incarnation) {
        self.incarnations(owner, incarnation);
        for key in self.of_owner.get(&owner).into_iter().flatten() {
            let history = self.histories.entry(*key).or_default();
            if let Some(Some(content)) = history.last().copied() {
                history.extend([None, Some(content)]);
            }
        }
    }

    fn incarnations(&mut self, owner: NodeKey, incarnation: Incarnation) {
        let first = Incarnations { present: incarnation, latest: incarnation, went_back: false };
        let incarnations = self.incarnations.entry(owner).or_insert(first);
        incarnations.went_back |= incarnation < incarnations.latest;
        incarnations.present = incarnation;
        incarnations.latest = incarnations.latest.max(incarnation);
    }

    /// A host was asked to offer a service, and does.
    pub(crate) fn registered(&mut self, host: usize, service: Service) {
        self.wanted.entry(host).or_default().insert(service.id.clone(), service);
    }

    /// A host was asked to end a service, and did.
    pub(crate) fn deregistered(&mut self, host: usize, id: &str) {
        self.wanted.entry(host).or_default().remove(id);
    }

    /// A node was told of a change.
    pub(crate) fn told(&mut self, host: usize, node: &Node, change: &ServiceChange) -> Verdict {
        let instance = change.instance();
        let (key, content) = (key_of(instance), content_of(instance));
        let broken = |rule, what: &str| Err((rule, format!("{what}: {change:?}")));
        let diary = self.diaries.entry(host).or_default();
        let before = diary.get(&key).copied();
        let shown = before.and_then(|shown| shown.content);
        let alternates = match change {
            ServiceChange::Added(_) => shown.is_none(),
            ServiceChange::Changed(_) => shown.is_some_and(|shown| shown != content),
            ServiceChange::Removed(_) => shown == Some(content),
        };
        if !alternates {
            return broken(CrowdRule::ServicesAreToldOnce, "it does not follow on what was told before");
        }
        let now = (!matches!(change, ServiceChange::Removed(_))).then_some(content);
        let mut at = before.map_or(0, |shown| shown.at);
        if instance.owner == node.rules().key() {
            if before.is_none() && !self.histories.contains_key(&key) {
                self.of_owner.entry(instance.owner).or_default().push(key);
            }
            let history = self.histories.entry(key).or_default();
            history.push(now);
            at = history.len() - 1;
        } else {
            let history = self.histories.get(&key).map_or(&[][..], Vec::as_slice);
            let found = history[at.min(history.len())..].iter().position(|written| *written == now);
            let owner_is_there = node.member(instance.owner).is_some_and(|owner| owner.state.is_present());
            let incarnations = self.incarnations.get(&instance.owner);
            let went_back = self.forgetful && incarnations.is_some_and(|incarnations| incarnations.went_back);
            let is_below = incarnations.is_some_and(|incarnations| incarnations.present < incarnations.latest);
            match (found, now) {
                // And shown, where that incarnation is thought to go on.
                (_, Some(_)) if went_back || is_below => at = found.map_or(0, |found| at + found),
                // When its owner is not there a service is not shown, whatever the owner has written.
                (_, None) if !owner_is_there => {}
                // Records of an incarnation that its clock went back below are still about, until it rises above them.
                (None, None) if is_below || went_back => {}
                (Some(found), _) => at += found,
                (None, Some(_)) => return broken(CrowdRule::OwnersWrite, "its owner never wrote it, or earlier"),
                (None, None) => return broken(CrowdRule::OwnersWrite, "its owner did not end it"),
            }
        }
        diary.insert(key, Shown { content: now, at });
        Ok(())
    }

    /// Compares the services of a node with what it has told, with what it was asked to offer, and with the bounds.
    pub(crate) fn audit(&self, host: usize, node: &Node) -> Verdict {
        let empty = HashMap::new();
        let diary = self.diaries.get(&host).unwrap_or(&empty);
        let mut visible = 0;
        for instance in node.services(None) {
            visible += 1;
            let shown = diary.get(&key_of(&instance)).and_then(|shown| shown.content);
            if shown != Some(content_of(&instance)) {
                return Err((CrowdRule::ServicesAreToldOnce, format!("shown and not told: {instance:?}")));
            }
        }
        let told = diary.values().filter(|shown| shown.content.is_some()).count();
        if told != visible {
            return Err((CrowdRule::ServicesAreToldOnce, format!("{told} were told, and {visible} are shown")));
        }
        self.audit_own(host, node)?;
        let Some(counts) = node.registry_counts() else { return Ok(()) };
        // Beside services each owner has one record about itself.
        let most = self.histories.len() + node.members().count().max(self.of_owner.len());
        if counts.records > most || counts.rumors > Self::RUMORS_MAX || counts.visible != visible {
            return Err((CrowdRule::Bounded, format!("{counts:?}, of {most} records ever written")));
        }
        Ok(())
    }

    /// What a node offers is what it was asked for: of services with a time to live, no more than that.
    fn audit_own(&self, host: usize, node: &Node) -> Verdict {
        let empty = HashMap::new();
        let wanted = self.wanted.get(&host).unwrap_or(&empty);
        let key = node.rules().key();
        for (id, service) in wanted {
            match node.service(key, id) {
                Some(own) if own.service.as_ref().clone().with_health(service.health) == *service => {}
                None if service.ttl.is_some() => {}
                own => return Err((CrowdRule::OwnersWrite, format!("asked for {service:?}, it offers {own:?}"))),
            }
        }
        match node.services(None).find(|own| own.owner == key && !wanted.contains_key(&own.service.id)) {
            Some(own) => Err((CrowdRule::OwnersWrite, format!("nobody asked it for {own:?}"))),
            None => Ok(()),
        }
    }
}

fn key_of(instance: &Instance) -> u64 {
    let mut hasher = DefaultHasher::new();
    (instance.owner, &instance.service.id).hash(&mut hasher);
    hasher.finish()
}

fn content_of(instance: &Instance) -> u64 {
    let mut hasher = DefaultHasher::new();
    instance.service.hash(&mut hasher);
    hasher.finish()
}
