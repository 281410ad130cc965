//! A service in JSON, with its defaults, and in binary formats, which cannot hold free-form metadata: there it is text.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::{RecordBody, ServiceFacts, read_metadata};
use super::service::{Health, Service};
use crate::config::Metadata;

/// The service as people write it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default, deserialize_with = "field::id", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(deserialize_with = "field::name")]
    name: String,
    #[serde(default, deserialize_with = "field::host", skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(default, deserialize_with = "field::port")]
    port: u16,
    #[serde(default, deserialize_with = "field::tags")]
    tags: Vec<String>,
    #[serde(default, deserialize_with = "field::metadata")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "field::health")]
    health: Health,
    #[serde(default, deserialize_with = "field::ttl_ms", skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

/// Reads each field so that an error names it: by itself the parser tells what it expected, and not where.
mod field {
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    use super::Health;
    use crate::config::{Metadata, deserialize_metadata, deserialize_port};

    macro_rules! named {
        ($($name:ident: $type:ty = $read:path;)*) => {$(
            pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                $read(deserializer).map_err(|error| D::Error::custom(format_args!("{}: {error}", stringify!($name))))
            }
        )*};
    }

    named! {
        id: Option<String> = Deserialize::deserialize;
        name: String = Deserialize::deserialize;
        host: Option<String> = Deserialize::deserialize;
        port: u16 = deserialize_port;
        tags: Vec<String> = Deserialize::deserialize;
        metadata: Metadata = deserialize_metadata;
        health: Health = Deserialize::deserialize;
        ttl_ms: Option<u64> = Deserialize::deserialize;
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let ttl_ms = self.ttl_ms();
            let Self { id, name, host, port, tags, metadata, health, ttl: _ } = self.clone();
            return Form { id: Some(id), name, host, port, tags, metadata, health, ttl_ms }.serialize(serializer);
        }
        match RecordBody::of(self) {
            Ok(RecordBody::Service(facts)) => (&self.id, facts).serialize(serializer),
            Ok(RecordBody::Metadata(_) | RecordBody::Deleted) => Err(S::Error::custom("not a service")),
            Err(error) => Err(S::Error::custom(error)),
        }
    }
}

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let Form { id, name, host, port, tags, metadata, health, ttl_ms } = Form::deserialize(deserializer)?;
            let id = id.unwrap_or_else(|| name.clone());
            return Ok(Self { id, name, host, port, tags, metadata, health, ttl: ttl_ms.map(Duration::from_millis) });
        }
        let (id, facts) = <(String, ServiceFacts)>::deserialize(deserializer)?;
        let metadata = read_metadata(&facts.metadata).map_err(D::Error::custom)?;
        Ok(facts.into_service(id, metadata))
    }
}

/// A service behind a counted reference, as if it stood there itself.
pub(super) mod shared {
    use alloc::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Service;

    pub(in crate::registry) fn serialize<S: Serializer>(
        service: &Arc<Service>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        service.as_ref().serialize(serializer)
    }

    pub(in crate::registry) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<Service>, D::Error> {
        Service::deserialize(deserializer).map(Arc::new)
    }
}
