//! Source offsets: where they are kept and how they look there.
//!
//! | file | holds |
//! |---|---|
//! | `store.rs` | the trait of all stores, and its errors |
//! | `memory.rs`, `file.rs` | the stores |
//! | `java_map.rs` | the format of the file |
//! | `connector_offsets.rs` | one connector's offsets, as its tasks see them |

pub mod connector_offsets;
pub mod file;
pub mod java_map;
pub mod memory;
pub mod store;

pub use connector_offsets::ConnectorOffsets;
pub use file::FileOffsetStore;
pub use memory::MemoryOffsetStore;
pub use store::{OffsetBackingStore, OffsetStoreError};
