//! The broker as its clients see it: over TCP, with frames made by `protocol`.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod harness;

mod api_versions;
mod configs;
mod fetch;
mod groups;
mod list_offsets;
mod log;
mod metadata;
mod offsets;
mod produce;
mod server;
mod topics;
