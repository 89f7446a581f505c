//! REST types, HTTP client, Avro schema model and wire envelope of the schema registry.

pub mod avro;
