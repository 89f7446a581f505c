//! What is on disk: segments, indexes, flushing, recovery.
//!
//! | module | owns |
//! |---|---|
//! | `directory` | a log directory: lock, partitions, periodic work, opening and closing |
//! | `partition` | what the rest of the broker sees of one partition |
//! | `write_queue`, `writer` | the way of a batch into the log: queue, offsets, one write |
//! | `validation`, `producer` | which batches are taken |
//! | `flush` | group commit |
//! | `reader` | batches by offset, offsets by time |
//! | `retention` | removal of old records |
//! | `segment`, `index`, `batches` | the files of one segment |
//! | `recovery`, `checkpoint` | what holds after a stop or a crash |
//! | `file_system`, `clock` | the outside world, replaceable in tests |

mod batches;
mod checkpoint;
mod clock;
mod config;
mod directory;
mod error;
mod file_system;
mod flush;
mod index;
mod partition;
mod producer;
mod reader;
mod recovery;
mod retention;
mod segment;
mod shared;
mod validation;
mod write_queue;
mod writer;

pub use checkpoint::MetaError;
pub use clock::{Clock, SystemClock};
pub use config::{CleanupPolicy, FlushPolicy, LogConfig, LogDirectoryConfig};
pub use directory::LogDirectory;
pub use error::{AppendError, CreateError, InvalidRecord, Offline, OpenError, ReadError};
pub use file_system::{
    DirEntry, FileHandle, FileSystem, LockError, LockGuard, OpenMode, OsFileSystem,
};
pub use partition::{AppendOptions, Appended, Durability, Origin, Partition, PendingAppend};
pub use reader::{FileSlice, LogRead, ReadLimit, TimestampOffset};
