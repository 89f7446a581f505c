//! What a partition remembers of the idempotent producers that wrote to it.

mod snapshot;
mod state;

pub(super) use snapshot::{FILE_SUFFIX, read_snapshot, write_snapshot};
pub(super) use state::{BatchOrigin, Producer, Producers, Sequence, SequenceError};
