//! Who is there and what is where, as a loop makes it known: whole, unchanging, and replaced when something has changed.

mod told;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use qcluster_core::{
    Instance, MemberChange, MemberView, Metadata, Node, NodeKey, Peer, Service, ServiceChange, ServiceKey, Span, State,
    Term, Time, owners_among,
};
pub use told::{MemberInfo, ServiceInfo, WatchEvent, WatchEventKind};

/// What is to be told, before what a reader needs is looked up.
#[derive(Clone, Debug)]
pub enum News {
    /// About the leader.
    Leader {
        /// Who leads now.
        leader: Option<Arc<Peer>>,
        /// In which term.
        term: Term,
    },
    /// About a member.
    Member(MemberChange),
    /// About a service.
    Service(ServiceChange),
    /// About the view.
    Trust {
        /// Whether it can be relied on.
        is_given: bool,
    },
}

/// A member with what it says about itself.
#[derive(Debug)]
struct Card {
    view: MemberView,
    metadata: Metadata,
    /// When the view was made.
    at: Time,
}

/// All that is known of members and services at one moment, and what happened last.
#[derive(Clone, Debug)]
pub struct Directory {
    me: NodeKey,
    /// By identifier.
    members: Vec<Arc<Card>>,
    /// By name, node and identifier, each with its node.
    services: Vec<(Arc<Card>, Arc<Service>)>,
    is_trusted: bool,
    events: VecDeque<Arc<WatchEvent>>,
    next_index: u64,
    reported: Option<(Arc<str>, Term)>,
}

/// The answer to "what happened since then".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// This, oldest first; nothing, if nothing did.
    Events(Vec<Arc<WatchEvent>>),
    /// It is not known any more, or never was: start over with what there is, and then from this index on.
    Unknown(u64),
}

impl Directory {
    /// How many events are remembered.
    pub const EVENTS_MAX: usize = 1_024;

    /// One in which nobody is known, whose first event will have the index above `index`.
    pub fn empty(me: NodeKey, index: u64) -> Self {
        Self {
            me,
            members: Vec::new(),
            services: Vec::new(),
            is_trusted: true,
            events: VecDeque::new(),
            next_index: index.saturating_add(1),
            reported: None,
        }
    }

    /// The directory after `missed` events that nobody could write down, and then `news`, from what the node knows at `now`.
    /// A reader whose index is before those that were missed is not told the rest, but to start over.
    #[must_use]
    pub fn after(&self, node: &Node, now: Time, missed: u64, news: impl IntoIterator<Item = News>) -> Self {
        let mut members: Vec<Arc<Card>> = Vec::with_capacity(self.members.len());
        let mut by_key = BTreeMap::new();
        for view in node.members() {
            let key = view.id.key();
            let metadata = node.metadata_of(key).cloned().unwrap_or_default();
            let card = Arc::new(Card { view, metadata, at: now });
            by_key.insert(key, Arc::clone(&card));
            members.push(card);
        }
        members.sort_by(|one, other| one.view.id.cmp(&other.view.id));
        let services = node
            .services(None)
            .filter_map(|Instance { owner, service }| by_key.get(&owner).map(|card| (Arc::clone(card), service)));
        let mut services: Vec<(Arc<Card>, Arc<Service>)> = services.collect();
        services.sort_by(|(one_node, one), (other_node, other)| {
            let by_name = one.name.cmp(&other.name);
            by_name.then_with(|| one_node.view.id.cmp(&other_node.view.id)).then_with(|| one.id.cmp(&other.id))
        });
        let mut next = Self {
            me: self.me,
            members,
            services,
            is_trusted: node.view_is_trusted(),
            events: if missed == 0 { self.events.clone() } else { VecDeque::new() },
            next_index: self.next_index.saturating_add(missed),
            reported: None,
        };
        let mut told = BTreeSet::new();
        for news in news {
            if let News::Service(change) = &news {
                told.insert(change.instance().key());
            }
            let happened = next.happened(self, &by_key, news, now);
            next.push(happened);
        }
        for news in next.moved(self, &told) {
            let happened = next.happened(self, &by_key, news, now);
            next.push(happened);
        }
        next
    }

    /// Services that go by the host of their node, which has changed: to a client that looks for them, so have they. What was told
    /// anyway is not told twice.
    fn moved(&self, before: &Self, told: &BTreeSet<ServiceKey>) -> Vec<News> {
        let has_moved = |card: &Arc<Card>| {
            let known = before.card(card.view.id.as_str());
            known.is_some_and(|known| host_of(known) != host_of(card)).then(|| card.view.id.key())
        };
        let moved: BTreeSet<NodeKey> = self.members.iter().filter_map(has_moved).collect();
        if moved.is_empty() {
            return Vec::new();
        }
        let concerned = self.services.iter().filter_map(|(card, service)| {
            let owner = card.view.id.key();
            let goes_along = service.host.is_none() && moved.contains(&owner);
            let instance = goes_along.then(|| Instance { owner, service: Arc::clone(service) })?;
            (!told.contains(&instance.key())).then_some(News::Service(ServiceChange::Changed(instance)))
        });
        concerned.collect()
    }

    /// Who is said to lead where this node does not hear it itself (E19).
    pub fn set_reported(&mut self, leader: Option<(Arc<str>, Term)>) {
        self.reported = leader;
    }

    /// Who is said to lead, by others than the leader: the identifier, and in which term. For display only (E19).
    pub fn reported_leader(&self) -> Option<(&str, Term)> {
        self.reported.as_ref().map(|(leader, term)| (&**leader, *term))
    }

    fn push(&mut self, kind: WatchEventKind) {
        if self.events.len() >= Self::EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Arc::new(WatchEvent { index: self.next_index, kind }));
        self.next_index = self.next_index.saturating_add(1);
    }

    fn happened(&self, before: &Self, by_key: &BTreeMap<NodeKey, Arc<Card>>, news: News, now: Time) -> WatchEventKind {
        match news {
            News::Leader { leader, term } => {
                WatchEventKind::Leader { leader: leader.map(|leader| self.placed(Peer::clone(&leader))), term }
            }
            News::Trust { is_given } => WatchEventKind::Trust { is_given },
            News::Member(MemberChange { what, member }) => {
                let metadata = by_key.get(&member.id.key()).map(|card| card.metadata.clone()).unwrap_or_default();
                let card = Card { view: member, metadata, at: now };
                WatchEventKind::Member { event: what.name().into(), member: self.member_info(&card, now) }
            }
            News::Service(change) => {
                let Instance { owner, service } = change.instance();
                let now = || by_key.get(owner);
                let then = || before.members.iter().find(|card| card.view.id.key() == *owner);
                // What has ended was where it was last.
                let card = match change {
                    ServiceChange::Removed(_) => then().or_else(now),
                    ServiceChange::Added(_) | ServiceChange::Changed(_) => now().or_else(then),
                };
                let service = match card {
                    Some(card) => service_info(card, service),
                    None => service_of(format!("{owner:?}"), String::new(), service),
                };
                WatchEventKind::Service { event: change.name().into(), service }
            }
        }
    }

    fn member_info(&self, card: &Card, now: Time) -> MemberInfo {
        let MemberView { id, address, standing, state, state_age, .. } = &card.view;
        MemberInfo {
            identifier: id.as_str().into(),
            address: *address,
            state: state.name().into(),
            incarnation: format!("{:016x}", standing.incarnation.0),
            state_age_ms: (Span::from(*state_age) + now.since(card.at)).as_millis(),
            is_me: id.key() == self.me,
            metadata: card.metadata.clone(),
        }
    }

    /// All members, by identifier: those that are down or have left for as long as they are remembered.
    pub fn members(&self, now: Time) -> impl Iterator<Item = MemberInfo> + '_ {
        self.members.iter().map(move |card| self.member_info(card, now))
    }

    /// One member.
    pub fn member(&self, identifier: &str, now: Time) -> Option<MemberInfo> {
        self.card(identifier).map(|card| self.member_info(card, now))
    }

    /// What a member says about itself.
    pub fn metadata_of(&self, identifier: &str) -> Option<&Metadata> {
        Some(&self.card(identifier)?.metadata).filter(|metadata| !metadata.is_empty())
    }

    /// A node as clients can connect to it: where its configuration names no host, the one at which others see it, if they do.
    #[must_use]
    pub fn placed(&self, mut peer: Peer) -> Peer {
        if peer.host.is_empty() {
            peer.host = self.card(&peer.identifier).map(|card| host_text(card)).unwrap_or_default();
        }
        peer
    }

    /// The member that is at that address, by identifier.
    pub(super) fn member_at(&self, address: SocketAddr) -> Option<String> {
        let card = self.members.iter().find(|card| card.view.address == Some(address))?;
        Some(card.view.id.as_str().into())
    }

    fn card(&self, identifier: &str) -> Option<&Arc<Card>> {
        let at = self.members.binary_search_by(|card| card.view.id.as_str().cmp(identifier)).ok()?;
        self.members.get(at)
    }

    /// Whether any member but this node is known, be it that it has gone since.
    pub fn has_met_others(&self) -> bool {
        self.members.iter().any(|card| card.view.id.key() != self.me)
    }

    /// A service of this node.
    pub fn own_service(&self, id: &str) -> Option<ServiceInfo> {
        let is_it = |(card, service): &&(Arc<Card>, Arc<Service>)| service.id == id && card.view.id.key() == self.me;
        self.services.iter().find(is_it).map(|(card, service)| service_info(card, service))
    }

    /// The instances of that service, or of all.
    pub fn services<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = ServiceInfo> + 'a {
        let first = name.map_or(0, |name| self.services.partition_point(|(_, service)| service.name.as_str() < name));
        let those = self.services[first..].iter();
        let those = those.take_while(move |(_, service)| name.is_none_or(|name| service.name == name));
        those.map(|(card, service)| service_info(card, service))
    }

    /// How many members are there, this node included, and how many are down or have left.
    pub fn member_counts(&self) -> [(State, usize); 4] {
        use State::{Alive, Down, Left, Suspect};
        [Alive, Suspect, Down, Left]
            .map(|state| (state, self.members.iter().filter(|card| card.view.state == state).count()))
    }

    /// How many instances are there.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// The `count` members that own `key`, the first owner first (G11).
    pub fn owners(&self, key: &[u8], count: usize) -> Vec<String> {
        let present = self.members.iter().filter(|card| card.view.state.is_present()).map(|card| card.view.id.key());
        let owners = owners_among(present, key, count);
        let id_of = |key: &NodeKey| self.members.iter().find(|card| card.view.id.key() == *key);
        owners.iter().filter_map(id_of).map(|card| card.view.id.as_str().to_string()).collect()
    }

    /// Whether what this node sees of the others can be relied on (G9).
    pub fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    #[cfg(test)]
    pub(super) fn set_trusted(&mut self, is_trusted: bool) {
        self.is_trusted = is_trusted;
    }

    /// The index of what happened last.
    pub fn index(&self) -> u64 {
        self.next_index - 1
    }

    /// What happened after that index.
    pub fn since(&self, index: u64) -> Since {
        let oldest = self.events.front().map_or(self.next_index, |event| event.index);
        if index >= self.next_index || index.saturating_add(1) < oldest {
            return Since::Unknown(self.index());
        }
        let skip = usize::try_from(index + 1 - oldest).unwrap_or(usize::MAX);
        Since::Events(self.events.iter().skip(skip).cloned().collect())
    }
}

/// The host of a node, by which its services go that have none of their own.
fn host_of(card: &Card) -> Option<IpAddr> {
    card.view.address.map(|address| address.ip())
}

/// The same as text, empty where nobody knows it.
fn host_text(card: &Card) -> String {
    host_of(card).map(|host| host.to_string()).unwrap_or_default()
}

fn service_info(card: &Card, service: &Service) -> ServiceInfo {
    service_of(card.view.id.as_str().into(), host_text(card), service)
}

fn service_of(node: String, node_host: String, service: &Service) -> ServiceInfo {
    ServiceInfo {
        node,
        id: service.id.clone(),
        name: service.name.clone(),
        host: service.host.clone().unwrap_or(node_host),
        port: service.port,
        tags: service.tags.clone(),
        health: service.health,
        ttl_ms: service.ttl_ms(),
        metadata: service.metadata.clone(),
    }
}

#[cfg(test)]
mod tests;
