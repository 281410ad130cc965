//! Records as they travel: who wrote what in which version, and the checks of all that arrives.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::service::{Health, Service, ServiceError, ServiceField, check_host};
use crate::config::{Config, Metadata};
use crate::host::Host;
use crate::id::{Incarnation, NodeKey, stable_hash};
use crate::reconcile::{self, Stamped};
use crate::rng::mix;

/// What registries say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// News: a record, as its owner wrote it.
    Record(Record),
    /// A part of a comparison of two tables (G6).
    Compare(reconcile::Message),
    /// A record that the receiver was found not to have, or to have otherwise.
    Owed(Record),
}

impl Message {
    /// The item of the table that it is news of, if it is.
    pub(crate) fn subject(&self) -> Option<u64> {
        match self {
            Self::Record(record) | Self::Owed(record) => Some(record.item()),
            Self::Compare(_) => None,
        }
    }
}

/// What a node says about one of its services, or about itself (G5). The last one by incarnation and version holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The node that wrote it, and the only one that may.
    pub owner: NodeKey,
    /// The incarnation of the owner in which it was written.
    pub incarnation: Incarnation,
    /// Grows with everything that the owner writes in that incarnation.
    pub version: u64,
    /// The service's identifier; empty for what the node says about itself.
    pub id: String,
    /// What is said.
    pub body: RecordBody,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RecordBody {
    /// There was something, and it is gone: a tombstone (G8).
    Deleted,
    /// The node's metadata, as compact JSON.
    Metadata(String),
    /// A service.
    Service(ServiceFacts),
}

/// A service without its identifier, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceFacts {
    /// [`Service::name`].
    pub name: String,
    /// [`Service::host`], without brackets around an address.
    pub host: Option<String>,
    /// [`Service::port`].
    pub port: u16,
    /// [`Service::tags`].
    pub tags: Vec<String>,
    /// [`Service::metadata`] as compact JSON.
    pub metadata: String,
    /// [`Service::health`].
    pub health: Health,
    /// [`Service::ttl`] in milliseconds.
    pub ttl_ms: Option<u64>,
}

/// The identifier of the record in which a node speaks of itself.
pub(super) const OWN_ID: &str = "";

/// What a record goes by in the table: evenly spread over 64 bits.
pub(super) fn item_of(owner: NodeKey, id: &str) -> u64 {
    stable_hash(&[&owner.0.to_le_bytes(), id.as_bytes()])
}

/// Metadata as it travels.
pub(super) fn write_metadata(metadata: &Metadata) -> Result<String, ServiceError> {
    serde_json::to_string(metadata).map_err(|_| ServiceError::UnreadableMetadata)
}

/// Metadata that has travelled.
pub(super) fn read_metadata(text: &str) -> Result<Metadata, ServiceError> {
    if text.len() > Config::METADATA_LEN_MAX {
        return Err(ServiceError::LongMetadata { len: text.len() });
    }
    serde_json::from_str(text).map_err(|_| ServiceError::UnreadableMetadata)
}

impl ServiceFacts {
    pub(super) fn into_service(self, id: String, metadata: Metadata) -> Service {
        let Self { name, host, port, tags, metadata: _, health, ttl_ms } = self;
        Service { id, name, host, port, tags, metadata, health, ttl: ttl_ms.map(Duration::from_millis) }
    }

    fn check(&self) -> Result<(), ServiceError> {
        ServiceField::Name.check(&self.name)?;
        self.host.as_deref().map_or(Ok(()), check_host)?;
        if self.tags.len() > Service::TAGS_MAX {
            return Err(ServiceError::TooManyTags { tags: self.tags.len() });
        }
        self.tags.iter().enumerate().try_for_each(|(index, tag)| ServiceField::Tag { index }.check(tag))?;
        match self.ttl_ms {
            Some(ttl) if ttl == 0 || u128::from(ttl) > Service::TTL_MAX.as_millis() => Err(ServiceError::Ttl),
            Some(_) | None => Ok(()),
        }
    }
}

impl Service {
    /// Checks every limit.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field and its limit.
    pub fn check(&self) -> Result<(), ServiceError> {
        let body = RecordBody::of(self)?;
        Record::largest(self.id.clone(), body).check()
    }
}

impl RecordBody {
    /// The body of a service's record; its limits are not checked yet.
    pub(super) fn of(service: &Service) -> Result<Self, ServiceError> {
        let ttl_ms = service.ttl_ms();
        let Service { id: _, name, host, port, tags, metadata, health, ttl: _ } = service.clone();
        let metadata = write_metadata(&metadata)?;
        let host = host.map(|host| Host::without_brackets(&host).into());
        Ok(Self::Service(ServiceFacts { name, host, port, tags, metadata, health, ttl_ms }))
    }
}

impl Record {
    /// The highest version that is believed: it leaves its owner room to go above.
    pub(super) const VERSION_MAX: u64 = 1 << 62;
    /// An owner of which so much is claimed starts to count from zero in its next incarnation, while there is room to go on.
    pub(super) const VERSION_HIGH: u64 = Self::VERSION_MAX / 2;

    /// The record of that body that takes the most room.
    pub(super) fn largest(id: String, body: RecordBody) -> Self {
        Self { owner: NodeKey(u64::MAX), incarnation: Incarnation::MAX, version: Self::VERSION_MAX, id, body }
    }

    pub(crate) fn item(&self) -> u64 {
        item_of(self.owner, &self.id)
    }

    /// Whether incarnation and version leave their owner room to grow.
    pub(super) fn has_room(&self) -> bool {
        self.incarnation != Incarnation::UNKNOWN
            && self.incarnation <= Incarnation::MAX
            && self.version <= Self::VERSION_MAX
    }

    pub(super) fn check(self) -> Result<(), ServiceError> {
        Entry::new(self).map(|_| ())
    }
}

/// A record that was checked, and read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub(super) struct Entry {
    pub(super) owner: NodeKey,
    pub(super) incarnation: Incarnation,
    pub(super) version: u64,
    pub(super) id: String,
    pub(super) contents: Contents,
    stamp: u32,
}

/// What a record says, with metadata both read and as the owner wrote it: only the text is passed on, so that no two
/// readers can disagree about the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Contents {
    Deleted,
    Metadata { metadata: Metadata, text: String },
    Service { service: Arc<Service>, metadata: String },
}

impl Entry {
    pub(super) fn new(record: Record) -> Result<Self, ServiceError> {
        let (stamp, len) = digest(&record);
        let Record { owner, incarnation, version, id, body } = record;
        match &body {
            RecordBody::Deleted if id.is_empty() => {}
            RecordBody::Metadata(_) => id.is_empty().then_some(()).ok_or(ServiceError::Text(ServiceField::Id))?,
            RecordBody::Service(facts) => {
                ServiceField::Id.check(&id)?;
                facts.check()?;
            }
            RecordBody::Deleted => ServiceField::Id.check(&id)?,
        }
        let contents = match body {
            RecordBody::Deleted => Contents::Deleted,
            RecordBody::Metadata(text) => Contents::Metadata { metadata: read_metadata(&text)?, text },
            RecordBody::Service(mut facts) => {
                let text = core::mem::take(&mut facts.metadata);
                let metadata = read_metadata(&text)?;
                Contents::Service { service: Arc::new(facts.into_service(id.clone(), metadata)), metadata: text }
            }
        };
        if len > Service::RECORD_LEN_MAX {
            return Err(ServiceError::TooLong { len });
        }
        Ok(Self { owner, incarnation, version, id, contents, stamp })
    }

    pub(crate) fn item(&self) -> u64 {
        item_of(self.owner, &self.id)
    }

    /// What wins over what, among records of one incarnation: all nodes agree, even where an owner wrote two of one version.
    pub(super) fn rank(&self) -> (u64, u32) {
        (self.version, self.stamp)
    }

    /// The record as its owner wrote it.
    pub(super) fn record(&self) -> Record {
        let body = self.body();
        Record { owner: self.owner, incarnation: self.incarnation, version: self.version, id: self.id.clone(), body }
    }

    pub(super) fn body(&self) -> RecordBody {
        match &self.contents {
            Contents::Deleted => RecordBody::Deleted,
            Contents::Metadata { metadata: _, text } => RecordBody::Metadata(text.clone()),
            Contents::Service { service, metadata } => {
                let ttl_ms = service.ttl_ms();
                let Service { id: _, name, host, port, tags, metadata: _, health, ttl: _ } = service.as_ref().clone();
                RecordBody::Service(ServiceFacts { name, host, port, tags, metadata: metadata.clone(), health, ttl_ms })
            }
        }
    }

    pub(super) fn service(&self) -> Option<&Arc<Service>> {
        match &self.contents {
            Contents::Service { service, .. } => Some(service),
            Contents::Deleted | Contents::Metadata { .. } => None,
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        matches!(self.contents, Contents::Deleted)
    }
}

impl Stamped for Entry {
    fn stamp(&self) -> u32 {
        self.stamp
    }
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Self {
        entry.record()
    }
}

impl TryFrom<Record> for Entry {
    type Error = ServiceError;

    fn try_from(record: Record) -> Result<Self, ServiceError> {
        Self::new(record)
    }
}

/// The stamp of a record, and its length as it travels.
fn digest(record: &Record) -> (u32, usize) {
    let digest = postcard::serialize_with_flavor(record, Digest { hash: 0, len: 0 });
    let (hash, len) = digest.unwrap_or((0, usize::MAX));
    // The upper half: the finalizer spreads over both alike.
    ((hash >> 32) as u32, len)
}

/// Hashes and counts what postcard would write.
struct Digest {
    hash: u64,
    len: usize,
}

impl postcard::ser_flavors::Flavor for Digest {
    type Output = (u64, usize);

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.len += 1;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<(u64, usize)> {
        Ok((mix(self.hash ^ self.len as u64), self.len))
    }
}
