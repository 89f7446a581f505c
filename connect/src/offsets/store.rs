//! Where source offsets are kept: keys and values are JSON, as in Kafka Connect's own stores.

use std::path::PathBuf;

use super::java_map::FormatError;

/// One change: a key, and its new value or none to delete it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Why offsets could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OffsetStoreError {
    /// The offsets file has bytes that cannot be understood; it is left as it is.
    #[error(
        "offsets file {} is unreadable and was left untouched: {source}; restore it from a backup, \
         or move it away to start every source from its beginning", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        source: FormatError,
    },
    /// The offsets file is larger than any real one.
    #[error("offsets file {} has {size} bytes, the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The operating system refused.
    #[error("{action} offsets file {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Keeps the offsets of all source connectors of a worker.
///
/// Calls block; they come from task threads and from blocking threads of the runtime.
pub trait OffsetBackingStore: Send + Sync {
    /// Returns the value under exactly these bytes.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Returns all entries, in no order.
    fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// Applies all changes, or none; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// [`OffsetStoreError`]; what was stored before is still there.
    fn set(&self, changes: Vec<Change>) -> Result<(), OffsetStoreError>;
}
