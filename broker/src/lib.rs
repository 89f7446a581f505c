//! A durable, partitioned log that speaks the Kafka protocol.
//!
//! | module | owns |
//! |---|---|
//! | `server` | sockets, frames, budgets, the table from API key to handler |
//! | `handlers` | one file per API: what a request means |
//! | `metadata` | topics, ids, settings, producer ids: a log of typed records and its fold |
//! | `log` | what is on disk: segments, indexes, flushing, recovery |
//! | `group` | consumer groups and their offsets |
//!
//! [`Broker::start`] is the way in; everything listens on loopback unless a listener says otherwise.

mod broker;
mod config;
mod context;
mod error;
mod group;
mod handlers;
pub mod log;
mod metadata;
mod server;
mod topic_config;

pub use broker::{Broker, RunningBroker};
pub use config::{BrokerConfig, definitions};
pub use error::{ConfigError, StartError};
pub use metadata::{MetadataError, NameError, RecordError};
pub use server::api_versions_table;
pub use topic_config::{TopicConfigError, definitions as topic_definitions};
