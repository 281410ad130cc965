//! What applications do with the registry of a crowd, and whether all see the same services.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use qcluster_core::{
    Command, CommandRefused, Health, Input, Instance, Metadata, Node, RegistryError, Service, ServiceChange,
    ServiceKey, Time,
};

use super::{Breach, Crowd};

/// That a host was told of a change of a service that is [watched](Crowd::watch_service).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Time,
    /// Which host.
    pub by: usize,
    /// What.
    pub change: ServiceChange,
}

impl Crowd {
    /// A host offers a service from now on.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn register(&mut self, host: usize, service: Service) -> Result<(), Breach> {
        self.command(host, Command::Register(service)).map(|_| ())
    }

    /// A host offers a service no more.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn deregister(&mut self, host: usize, id: &str) -> Result<(), Breach> {
        self.command(host, Command::Deregister { id: id.into() }).map(|_| ())
    }

    /// A service on a host lives, and is as it says.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn beat(&mut self, host: usize, id: &str, health: Option<Health>) -> Result<(), Breach> {
        self.command(host, Command::Heartbeat { id: id.into(), health }).map(|_| ())
    }

    /// What a host says about itself from now on.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn set_metadata(&mut self, host: usize, metadata: Metadata) -> Result<(), Breach> {
        self.command(host, Command::SetMetadata(metadata)).map(|_| ())
    }

    /// Gives a command to a host. Why it was refused, if it was; nothing has changed then. To a host that does not run nothing
    /// happens.
    ///
    /// # Errors
    /// A node broke a rule.
    pub fn command(&mut self, host: usize, command: Command) -> Result<Result<(), CommandRefused>, Breach> {
        if self.condition(host) != super::Condition::Running {
            return Ok(Err(RegistryError::NoRegistry.into()));
        }
        let result = self.give(host, Input::Command(command.clone()));
        if result.is_ok() {
            self.granted(host, command);
        }
        self.breach.clone().map_or(Ok(result), Err)
    }

    fn granted(&mut self, host: usize, command: Command) {
        if let Command::Register(service) = command {
            self.records.registered(host, service);
        } else if let Command::Deregister { id } = command {
            self.records.deregistered(host, &id);
        }
    }

    /// From now on [sightings](Self::sightings) are of services with that identifier, and of no others before.
    pub fn watch_service(&mut self, id: &str) {
        self.watched = Some(id.into());
        self.sightings.clear();
    }

    /// What hosts were told of the service that is watched, in order.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    pub(super) fn told_of_service(&mut self, host: usize, change: &ServiceChange) {
        let Some(node) = self.hosts[host].machine.node() else { return };
        let verdict = self.records.told(host, node, change);
        if self.watched.as_ref() == Some(&change.instance().service.id) {
            self.sightings.push(Sighting { at: self.engine.now, by: host, change: change.clone() });
        }
        self.judge(host, verdict);
    }

    /// Whether all tables of records are equal.
    pub fn records_agree(&self) -> bool {
        let mut hashes = self.live().map(|(_, node)| node.records_hash());
        hashes.next().is_none_or(|first| hashes.all(|hash| hash == first))
    }

    /// Whether all show the services that are offered where somebody lives, as they are, and no others; a host that
    /// does not trust its view may show more (G9).
    pub fn services_are_right(&self) -> bool {
        self.wrong_services().next().is_none()
    }

    /// Where tables of records differ, and what is shown and not so, in words.
    pub fn record_differences(&self) -> String {
        let mut text = String::new();
        for (host, node) in self.live() {
            let written = write!(text, "\n  {host}: {:016x}, {:?}", node.records_hash(), node.registry_counts());
            debug_assert!(written.is_ok(), "a text takes whatever is written");
        }
        for (host, key, shown, offered) in self.wrong_services().take(10) {
            let written = write!(text, "\n  {host} shows of {key:?} {shown:?} instead of {offered:?}");
            debug_assert!(written.is_ok(), "a text takes whatever is written");
        }
        text
    }

    fn wrong_services(&self) -> impl Iterator<Item = (usize, ServiceKey, Option<Instance>, Option<Instance>)> {
        let offered: BTreeMap<ServiceKey, Instance> = self.live().flat_map(|(_, node)| own_services(node)).collect();
        self.live().flat_map(move |(host, node)| {
            let shown: BTreeMap<ServiceKey, Instance> =
                node.services(None).map(|instance| (instance.key(), instance)).collect();
            let missing = offered.iter().filter(|(key, instance)| shown.get(key) != Some(instance));
            let missing =
                missing.map(|(key, instance)| (host, key.clone(), shown.get(key).cloned(), Some(instance.clone())));
            // Who does not trust its view keeps what others offered (G9).
            let surplus = shown.iter().filter(|(key, _)| node.view_is_trusted() && !offered.contains_key(key));
            let surplus = surplus.map(|(key, instance)| (host, key.clone(), Some(instance.clone()), None));
            missing.chain(surplus).collect::<Vec<_>>()
        })
    }
}

fn own_services(node: &Node) -> Vec<(ServiceKey, Instance)> {
    let me = node.rules().key();
    let own = node.services(None).filter(|instance| instance.owner == me);
    own.map(|instance| (instance.key(), instance)).collect()
}
