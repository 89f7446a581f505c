//! Small files beside the segments that say what holds for a partition or a log directory.

mod durable_points;
mod leader_epochs;
mod meta_properties;
mod offsets;
mod partition_metadata;

pub(super) use durable_points::{DurablePoints, Points};
pub(super) use leader_epochs::LeaderEpochs;
pub use meta_properties::MetaError;
pub(super) use meta_properties::MetaProperties;
pub(super) use offsets::OffsetCheckpoint;
pub(super) use partition_metadata::PartitionMetadata;

/// Largest checkpoint file that is read.
const LIMIT_BYTES: u64 = 64 << 20;
