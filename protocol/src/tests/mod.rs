//! Tests that go over all messages: against another implementation, and with hostile input.

mod allocations;
mod every_message;
mod hostile;
mod oracle;
pub(crate) mod sample;
mod versions;
