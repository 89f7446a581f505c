//! REST types, HTTP client, Avro schema model and wire envelope of the schema registry.
//!
//! | module | holds |
//! |---|---|
//! | [`rest`] | bodies of requests and answers, shared with the server |
//! | [`RegistryClient`] | asks over HTTP, asynchronously; [`BlockingClient`] for who blocks |
//! | [`envelope`] | the bytes by which a record names its schema |
//! | [`avro`] | Avro schemas without loss |

pub mod avro;
mod blocking;
mod cache;
pub mod envelope;
mod error;
mod http_client;
pub mod rest;
#[cfg(test)]
mod test_server;

pub use blocking::BlockingClient;
pub use error::{ClientError, RegistryError};
pub use http_client::{Normalize, RegistryClient, RegistryClientSettings};
