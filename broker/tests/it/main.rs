//! The broker as its clients see it: over TCP, with frames made by `protocol`.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod harness;

mod api_versions;
mod configs;
mod fetch;
mod groups;
mod list_offsets;
mod log_append;
mod log_crash;
mod log_directory;
mod log_disk;
mod log_faults;
mod log_golden;
mod log_harness;
mod log_read;
mod log_retention;
mod metadata;
mod offsets;
mod produce;
mod server;
mod topics;
