//! Tests of the package from outside: record batches against another implementation, golden bytes.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod golden;
mod record_batches;
