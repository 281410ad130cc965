//! What this node writes: its own services and its own word about itself (G5), and their end.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::record::{Entry, OWN_ID, Record, RecordBody, item_of, write_metadata};
use super::service::{Health, Service};
use super::table::Spread;
use super::ttl::Lapse;
use super::{Context, Presence, Registry, RegistryError};
use crate::config::Metadata;
use crate::id::Incarnation;
use crate::time::Time;

impl Registry {
    /// Registers a service, in place of the one with its identifier. It counts as a heartbeat, and if nothing else is new,
    /// as no more than that.
    ///
    /// # Errors
    /// The service is not as it has to be, there is no room for it, or the node is leaving. The state is unchanged.
    pub(crate) fn register(&mut self, cx: &mut Context<'_>, service: &Service) -> Result<(), RegistryError> {
        let result = self.try_register(cx.now, service);
        counted(cx, result)
    }

    fn try_register(&mut self, now: Time, service: &Service) -> Result<(), RegistryError> {
        if self.has_left {
            return Err(RegistryError::Leaving);
        }
        // Whatever its incarnation and version will be, it must fit a datagram.
        service.check()?;
        self.change(now, &service.id, RecordBody::of(service)?)?;
        let item = item_of(self.me, &service.id);
        match service.ttl {
            Some(ttl) => self.leases.heard(now, item, ttl.into(), service.health),
            None => self.leases.forget(item),
        }
        Ok(())
    }

    /// Ends a service.
    ///
    /// # Errors
    /// There is none of that identifier. The state is unchanged.
    pub(crate) fn deregister(&mut self, cx: &mut Context<'_>, id: &str) -> Result<(), RegistryError> {
        let result = self.service(id).map(|_| ()).and_then(|()| self.delete(cx.now, id));
        counted(cx, result)
    }

    /// A heartbeat: the service lives, and is as it says, or as it last said.
    ///
    /// # Errors
    /// There is no service of that identifier; or it has no time to live, and nothing is said about its health. The state
    /// is unchanged.
    pub(crate) fn beat(&mut self, cx: &mut Context<'_>, id: &str, health: Option<Health>) -> Result<(), RegistryError> {
        let result = self.try_beat(cx.now, id, health);
        counted(cx, result)
    }

    fn try_beat(&mut self, now: Time, id: &str, health: Option<Health>) -> Result<(), RegistryError> {
        let (item, ttl) = (item_of(self.me, id), self.service(id)?.ttl);
        let Some(health) = health.or(self.leases.claimed(item)) else {
            return Err(RegistryError::NoTtl { id: id.into() });
        };
        self.set_health(now, id, health)?;
        if let Some(ttl) = ttl {
            self.leases.heard(now, item, ttl.into(), health);
        }
        Ok(())
    }

    /// What this node says about itself from now on.
    ///
    /// # Errors
    /// It is too long, or nested too deeply. The state is unchanged.
    pub(crate) fn set_metadata(&mut self, cx: &mut Context<'_>, metadata: &Metadata) -> Result<(), RegistryError> {
        let body = write_metadata(metadata).map(RecordBody::Metadata).map_err(RegistryError::from);
        let result = body.and_then(|body| self.change(cx.now, OWN_ID, body));
        counted(cx, result)
    }

    /// This node goes on in a later incarnation: everything that it wrote, it writes again. Nothing happens where the
    /// incarnation is no later than the present one.
    pub(crate) fn rename(&mut self, now: Time, incarnation: Incarnation) {
        if incarnation <= self.incarnation {
            return;
        }
        let items: Vec<u64> = self.table.items_of(self.me).collect();
        let own = items.into_iter().filter_map(|item| self.table.get(item)).filter(|entry| !entry.is_deleted());
        let own: Vec<(String, RecordBody)> = own.map(|entry| (entry.id.clone(), entry.body())).collect();
        (self.incarnation, self.version) = (incarnation, 0);
        self.table.set_presence(self.me, Presence::Here(incarnation));
        for (id, body) in own {
            let written = self.write(now, &id, body, 0);
            debug_assert!(written.is_ok(), "what was there finds its place again");
        }
    }

    /// An orderly leave: all services end, and none begins any more. What the node said about itself stays, for those who
    /// ask who has left.
    pub(crate) fn withdraw(&mut self, now: Time) {
        self.has_left = true;
        let items: Vec<u64> = self.table.items_of(self.me).collect();
        let own = items.into_iter().filter_map(|item| self.table.get(item)?.service().cloned());
        for service in own.collect::<Vec<Arc<Service>>>() {
            let deleted = self.delete(now, &service.id);
            debug_assert!(deleted.is_ok(), "a tombstone takes the place of what it ends");
        }
    }

    /// Services that were not heard of in time become critical, and at last go.
    pub(super) fn expire_leases(&mut self, cx: &mut Context<'_>) {
        while let Some((item, lapse)) = self.leases.pop(cx.now) {
            let Some(id) = self.table.get(item).map(|entry| entry.id.clone()) else { continue };
            let written = match lapse {
                Lapse::Critical => {
                    cx.counters.services_lapsed += 1;
                    self.set_health(cx.now, &id, Health::Critical)
                }
                Lapse::Gone => {
                    cx.counters.services_expired += 1;
                    self.delete(cx.now, &id)
                }
            };
            debug_assert!(written.is_ok(), "a record takes the place of its predecessor");
        }
    }

    fn service(&self, id: &str) -> Result<&Service, RegistryError> {
        let entry = self.table.find(item_of(self.me, id), self.me, id);
        let service = entry.and_then(Entry::service);
        service.map(AsRef::as_ref).ok_or_else(|| RegistryError::Unknown { id: id.into() })
    }

    fn delete(&mut self, now: Time, id: &str) -> Result<(), RegistryError> {
        self.write(now, id, RecordBody::Deleted, 0)?;
        self.leases.forget(item_of(self.me, id));
        Ok(())
    }

    fn set_health(&mut self, now: Time, id: &str, health: Health) -> Result<(), RegistryError> {
        match self.table.find(item_of(self.me, id), self.me, id).map(Entry::body) {
            Some(RecordBody::Service(facts)) if facts.health != health => {
                self.write(now, id, RecordBody::Service(super::ServiceFacts { health, ..facts }), 0)
            }
            Some(RecordBody::Service(_) | RecordBody::Metadata(_) | RecordBody::Deleted) | None => Ok(()),
        }
    }

    /// Writes a record, unless it says what is there already.
    fn change(&mut self, now: Time, id: &str, body: RecordBody) -> Result<(), RegistryError> {
        let present = self.table.find(item_of(self.me, id), self.me, id);
        if present.is_some_and(|present| present.body() == body) { Ok(()) } else { self.write(now, id, body, 0) }
    }

    /// Writes a record, in a version above all before, and above the one given.
    pub(super) fn write(&mut self, now: Time, id: &str, body: RecordBody, above: u64) -> Result<(), RegistryError> {
        let version = self.version.max(above).saturating_add(1).min(Record::VERSION_MAX);
        let record = Record { owner: self.me, incarnation: self.incarnation, version, id: id.into(), body };
        self.table.put(now, record.item(), Entry::new(record)?, Spread::Always)?;
        self.version = version;
        Ok(())
    }
}

fn counted(cx: &mut Context<'_>, result: Result<(), RegistryError>) -> Result<(), RegistryError> {
    cx.counters.services_refused += u64::from(result.is_err());
    result
}
