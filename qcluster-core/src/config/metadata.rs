//! What a node or a service says about itself, free-form; read from JSON so that nothing of it is lost in silence.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

/// What a node says about itself beside its address: any JSON, at most [`Config::METADATA_LEN_MAX`](crate::Config::METADATA_LEN_MAX)
/// bytes as text.
pub type Metadata = BTreeMap<String, Value>;

/// Metadata of names and values as a program has them.
pub(crate) fn to_metadata(metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>) -> Metadata {
    metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A JSON value that is read whole or not at all: a key that stands twice in one object is an error, and so is a whole number that
/// 64 bits do not hold, of which the digits would be rounded.
///
/// ```
/// use qcluster_core::ExactJson;
///
/// let read = |text: &str| serde_json::from_str::<ExactJson>(text).map(|json| json.0);
/// assert_eq!(read(r#"{"zone": "a", "weight": 3}"#)?["weight"], 3);
/// assert!(read(r#"{"zone": "a", "zone": "b"}"#).is_err());
/// assert!(read("100000000000000000001").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactJson(pub Value);

impl ExactJson {
    /// A number that was written with a fraction, an exponent or more digits than 64 bits hold is below this, or it is refused: those
    /// who read it cannot tell any more which of the three it was.
    const NUMBER_MAX: f64 = 1e18;
}

impl<'de> Deserialize<'de> for ExactJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

/// For the fields of metadata.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Metadata;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of metadata, such as {\"zone\": \"a\"}")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Metadata, A::Error> {
            entries(map)
        }
    }

    deserializer.deserialize_map(Fields)
}

/// For the field of services, each of which is read later.
pub(super) fn deserialize_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(Vec::<ExactJson>::deserialize(deserializer)?.into_iter().map(|ExactJson(value)| value).collect())
}

fn entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<Metadata, A::Error> {
    let mut entries = Metadata::new();
    while let Some((key, ExactJson(value))) = map.next_entry::<String, ExactJson>()? {
        match entries.entry(key) {
            Entry::Vacant(vacant) => _ = vacant.insert(value),
            Entry::Occupied(known) => {
                return Err(A::Error::custom(format_args!("duplicate key `{}`", known.key())));
            }
        }
    }
    Ok(entries)
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let exact = Number::from_f64(number).filter(|_| number.abs() < ExactJson::NUMBER_MAX);
        exact.map(Value::Number).ok_or_else(|| {
            E::custom(format_args!("the number {number:e} is too large to keep all its digits: write it as text"))
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(ExactJson(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        entries(map).map(|entries| Value::Object(entries.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests;
