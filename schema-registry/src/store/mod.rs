//! What the registry knows: the fold of one compacted topic, and the way to add to it.
//!
//! | module | owns |
//! |---|---|
//! | [`content`] | a schema's content and its hash |
//! | [`record`] | keys and values of the topic, in Confluent's bytes |
//! | [`index`] | the fold: subjects, versions, ids, settings; pure |
//! | [`progress`] | how far the topic has been read, for those who wait |
//! | [`topic`] | the topic itself: created when missing, checked when there |
//! | [`reader`] | the thread that reads the topic into the index |
//! | [`writer`] | the thread that decides and appends, one change at a time |
//! | [`kafka_store`] | all of it together |

pub mod content;
pub mod error;
pub mod index;
pub mod kafka_store;
pub mod progress;
pub mod reader;
pub mod record;
pub mod topic;
pub mod writer;

pub use content::{Content, ContentHash, SchemaType};
pub use error::StoreError;
pub use index::{Index, Version};
pub use kafka_store::KafkaStore;
pub use record::{Key, Mode, OutgoingRecord, SchemaValue};
pub use writer::{Decision, Ground};
