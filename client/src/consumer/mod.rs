//! Reads records: as a member of a group, or partitions by name.

mod batch;
mod offsets;
mod reader;
mod rebalance;

pub use batch::{Batch, Headers, Record, TimestampType};
pub use offsets::CommitResult;
pub use reader::{Consumer, Polled, Start, Waker};
