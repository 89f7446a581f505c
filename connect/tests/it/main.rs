//! Tests of the worker as a whole: REST, herder, tasks and the embedded servers in one process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod failures;
mod harness;
mod offsets;
mod pipeline;
mod plugins;
mod rest;
mod signals;
mod test_plugins;
