//! What stands between a task and Kafka: converters, header converters, transforms, predicates.
//!
//! All of them are synchronous and pure but for caches (a registry converter may block on HTTP;
//! the worker calls converters on the task's own thread, where blocking harms only that task).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use config::ConfigDef;

use crate::data::{Schema, Value};
use crate::error::Result;
use crate::record::Headers;

/// Which half of a record a converter serves; registry subjects differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
}

/// Bytes in Kafka ⇄ a value with its schema.
///
/// The worker calls `configure` once, then the other methods in any order, from one thread.
pub trait Converter: Send {
    /// Describes the settings, without the `key.converter.` / `value.converter.` prefix.
    fn config(&self) -> &'static ConfigDef;

    /// Takes the settings, prefix removed.
    ///
    /// # Errors
    ///
    /// [`crate::ConnectError::Config`] names the key, its value and what was expected.
    fn configure(&mut self, settings: &BTreeMap<String, String>, side: Side) -> Result<()>;

    /// Turns a value into the bytes that go to the topic; none is a null in Kafka (a tombstone).
    ///
    /// May add headers (a schema id, say). Borrowing from `value` is allowed and saves a copy.
    ///
    /// # Errors
    ///
    /// Data: the value does not fit its schema or this format. Retriable: a service is away.
    #[expect(clippy::wrong_self_convention, reason = "Connect calls it fromConnectData")]
    fn from_connect<'a>(
        &mut self,
        topic: &str,
        headers: &mut RawHeaders,
        schema: Option<&Arc<Schema>>,
        value: &'a Value,
    ) -> Result<Option<Cow<'a, [u8]>>>;

    /// Turns the bytes of a topic into a value; `None` bytes are Kafka's null.
    ///
    /// # Errors
    ///
    /// Data: the bytes are not of this format. Retriable: a service is away.
    fn to_connect(
        &mut self,
        topic: &str,
        headers: &[RawHeader],
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)>;
}

/// A header as Kafka carries it: a name, and bytes or null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHeader {
    /// Name; duplicates are legal.
    pub key: Arc<str>,
    /// Bytes; none is Kafka's null.
    pub value: Option<Vec<u8>>,
}

/// Headers as Kafka carries them, in order.
pub type RawHeaders = Vec<RawHeader>;

/// Bytes of a record header ⇄ a value with its schema.
pub trait HeaderConverter: Send {
    /// Describes the settings, without the `header.converter.` prefix.
    fn config(&self) -> &'static ConfigDef;

    /// Takes the settings, prefix removed.
    ///
    /// # Errors
    ///
    /// [`crate::ConnectError::Config`] names the key, its value and what was expected.
    fn configure(&mut self, settings: &BTreeMap<String, String>) -> Result<()>;

    /// Turns a header's value into bytes; none is Kafka's null.
    ///
    /// # Errors
    ///
    /// Data: the value does not fit its schema or this format.
    #[expect(clippy::wrong_self_convention, reason = "Connect calls it fromConnectData")]
    fn from_connect_header(
        &mut self,
        topic: &str,
        header: &str,
        schema: Option<&Arc<Schema>>,
        value: &Value,
    ) -> Result<Option<Vec<u8>>>;

    /// Turns a header's bytes into a value.
    ///
    /// # Errors
    ///
    /// Data: the bytes are not of this format.
    fn to_connect_header(
        &mut self,
        topic: &str,
        header: &str,
        bytes: Option<&[u8]>,
    ) -> Result<(Option<Arc<Schema>>, Value)>;
}

/// The part of a record that transforms see and change, the same for source and sink.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformRecord {
    /// Topic; a transform may reroute.
    pub topic: Arc<str>,
    /// Partition, if set.
    pub partition: Option<i32>,
    /// Schema of the key; none when schemaless.
    pub key_schema: Option<Arc<Schema>>,
    /// The key.
    pub key: Value,
    /// Schema of the value; none when schemaless.
    pub value_schema: Option<Arc<Schema>>,
    /// The value; null is a tombstone.
    pub value: Value,
    /// Milliseconds since 1970, if set.
    pub timestamp: Option<i64>,
    /// Headers in order.
    pub headers: Headers,
    /// Kafka offset; sink records only.
    pub offset: Option<i64>,
}

/// Changes one record at a time, or drops it.
pub trait Transformation: Send {
    /// Describes the settings, without the `transforms.<alias>.` prefix.
    fn config(&self) -> &'static ConfigDef;

    /// Takes the settings, prefix removed.
    ///
    /// # Errors
    ///
    /// [`crate::ConnectError::Config`] names the key, its value and what was expected.
    fn configure(&mut self, settings: &BTreeMap<String, String>) -> Result<()>;

    /// Returns the changed record, or none to drop it.
    ///
    /// # Errors
    ///
    /// Data: this record cannot be transformed.
    fn apply(&mut self, record: TransformRecord) -> Result<Option<TransformRecord>>;
}

/// Decides whether a transform applies to a record.
pub trait Predicate: Send {
    /// Describes the settings, without the `predicates.<alias>.` prefix.
    fn config(&self) -> &'static ConfigDef;

    /// Takes the settings, prefix removed.
    ///
    /// # Errors
    ///
    /// [`crate::ConnectError::Config`] names the key, its value and what was expected.
    fn configure(&mut self, settings: &BTreeMap<String, String>) -> Result<()>;

    /// Tells whether the record matches.
    fn test(&self, record: &TransformRecord) -> bool;
}
