//! The connectors as the worker drives them: start, poll or put, commit, stop.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod contract;
mod harness;
mod sink;
mod source_follow;
mod source_restart;
