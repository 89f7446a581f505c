//! `io.confluent.connect.avro.AvroConverter`: Avro whose schemas a registry keeps.
//!
//! A message is a byte 0, the schema's id (4 bytes, big-endian) and the datum. Bytes as the
//! outermost type follow without their length.
//!
//! | module | holds |
//! |---|---|
//! | [`converter`] | [`AvroConverter`]: caches, registration, lookup |
//! | [`settings`] | the settings and the subject strategies |
//! | [`registry`] | [`SchemaRegistry`]: what the converter asks of a registry |
//! | [`http_registry`] | the same over the registry's client |
//! | [`names`] | properties and parameters that carry Connect's model through Avro |
//! | `to_avro`, `to_connect` | schemas, both ways |
//! | `encode_plan`, `encode`, `decode` | data, both ways, by a plan made once per schema |
//! | `default_value` | defaults, both ways |
//! | `lru` | the cache |

pub mod converter;
pub mod http_registry;
pub mod names;
pub mod registry;
pub mod settings;

mod decode;
mod default_value;
mod encode;
mod encode_plan;
mod lru;
mod to_avro;
mod to_connect;

#[cfg(test)]
mod memory_registry;
#[cfg(test)]
mod round_trip_tests;

pub use converter::AvroConverter;
pub use registry::{RegistryError, SchemaRegistry};
