//! What a connector sees: the data model, records, and the traits that the worker calls.
//!
//! A connector author depends on this package (and on `config` for setting definitions) alone.
//! The package knows nothing of the Kafka protocol, of HTTP or of the runtime.
//!
//! | module | holds |
//! |---|---|
//! | [`data`] | [`Schema`], [`Value`], [`Struct`], the logical types, the text form |
//! | [`record`] | [`SourceRecord`], [`SinkRecord`], [`Headers`] |
//! | [`connector`] | [`SourceConnector`], [`SourceTask`], [`SinkConnector`], [`SinkTask`] |
//! | [`convert`] | [`Converter`], [`HeaderConverter`], [`Transformation`], [`Predicate`] |
//! | [`error`] | [`ConnectError`]: retriable, data, or fatal |

pub mod connector;
pub mod convert;
pub mod data;
pub mod error;
pub mod record;

pub use connector::{
    ConnectorContext, ErrantRecordReporter, ExactlyOnceSupport, SinkConnector, SinkTask,
    SinkTaskContext, SourceConnector, SourceTask, SourceTaskContext,
};
pub use convert::{Converter, HeaderConverter, Predicate, Side, Transformation};
pub use data::{Field, Schema, SchemaBuilder, SchemaType, Struct, Value};
pub use error::{ConnectError, Result};
pub use record::{
    Header, Headers, OffsetMap, PartitionMap, SinkRecord, SourceRecord, TimestampType,
    TopicPartition,
};
