//! Record batches of format version 2, the only one that is written since Kafka 0.11.

mod batch_builder;
mod batch_header;
mod batches;
mod compression;
mod control;
mod record;
mod record_data;

pub use batch_builder::{BatchBuilder, BuildError, NewRecord};
pub use batch_header::{
    BatchError, BatchHeader, HEADER_SIZE, LOG_OVERHEAD, TimestampType, patch_base_offset,
    patch_leader_epoch, set_log_append_time, verify_crc,
};
pub use batches::Batches;
pub use compression::{Compression, CompressionError};
pub use control::{ControlError, ControlRecord, ControlType};
pub use record::{Record, RecordHeader, RecordIter};
pub use record_data::Records;
