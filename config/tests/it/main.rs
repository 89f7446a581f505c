//! Tests of the package through its public interface.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod definition;
mod properties;
mod provider;
mod shipped;
