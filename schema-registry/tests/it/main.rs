//! Tests of the registry as its clients see it: over HTTP, on a real broker in this process.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod compatibility;
mod errors;
mod harness;
mod hostile;
mod lifecycle;
mod media_types;
mod references;
mod registration;
mod settings;
mod store;
