//! Records on their way in and out, and the headers and positions that they carry.
//!
//! Per-record cost matters: a source partition is shared by all records of a poll, topic names
//! are shared strings, and an offset map is a short list in insertion order, because Kafka
//! Connect compares the *bytes* of its JSON form.

use std::sync::Arc;

use crate::data::{Schema, Value};

/// What identifies a share of the outside system: the file, the table.
///
/// Keys keep their insertion order; values are primitive or null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionMap(Vec<(Arc<str>, Value)>);

/// Where in a source partition a record ends: what a task resumes from.
///
/// Keys keep their insertion order; values are primitive or null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OffsetMap(Vec<(Arc<str>, Value)>);

macro_rules! ordered_map {
    ($name:ident) => {
        impl $name {
            /// Makes a map of the given entries, in that order; a later duplicate wins.
            pub fn new<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
                let entries = entries.into_iter();
                // One offset per record: room for exactly what comes matters.
                let mut map = Self(Vec::with_capacity(entries.size_hint().0));
                for (key, value) in entries {
                    map.insert(key, value);
                }
                map
            }

            /// Sets one entry; an existing key keeps its place.
            pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) {
                let key = key.into();
                match self.0.iter_mut().find(|(name, _)| *name == key) {
                    Some(entry) => entry.1 = value,
                    None => self.0.push((key, value)),
                }
            }

            /// Returns the value under `key`, if there is one.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<&Value> {
                self.0.iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
            }

            /// Lists the entries in insertion order.
            pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
                self.0.iter().map(|(key, value)| (&**key, value))
            }

            /// Counts the entries.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Tells whether there is no entry.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }
    };
}

ordered_map!(PartitionMap);
ordered_map!(OffsetMap);

/// A topic's partition, as a sink task is assigned it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: i32,
}

/// One record header: a name, and a value with its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Name; several headers of a record may share it.
    pub key: Arc<str>,
    /// Schema of the value; none when schemaless.
    pub schema: Option<Arc<Schema>>,
    /// The value, possibly [`Value::Null`].
    pub value: Value,
}

/// Headers of a record, in order, duplicates allowed.
pub type Headers = Vec<Header>;

/// What the timestamp of a Kafka record means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// There is none.
    NoTimestampType,
    /// The producer set it.
    #[default]
    CreateTime,
    /// The broker set it on append.
    LogAppendTime,
}

impl TimestampType {
    /// Name as Kafka prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTimestampType => "NoTimestampType",
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

/// A record that a source task has read and the worker is to write to a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// Share of the outside system that it came from.
    pub source_partition: Arc<PartitionMap>,
    /// Position after it: what to resume from once it is acknowledged.
    pub source_offset: OffsetMap,
    /// Topic to write to.
    pub topic: Arc<str>,
    /// Partition of the topic; the producer chooses when absent.
    pub partition: Option<i32>,
    /// Schema of the key; none when schemaless.
    pub key_schema: Option<Arc<Schema>>,
    /// The key.
    pub key: Value,
    /// Schema of the value; none when schemaless.
    pub value_schema: Option<Arc<Schema>>,
    /// The value; null is a tombstone.
    pub value: Value,
    /// Milliseconds since 1970; the producer's clock when absent.
    pub timestamp: Option<i64>,
    /// Headers in order.
    pub headers: Headers,
}

/// A record that the worker has read from a topic and a sink task is to deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkRecord {
    /// Topic, after transforms.
    pub topic: Arc<str>,
    /// Partition of the topic.
    pub partition: i32,
    /// Schema of the key; none when schemaless.
    pub key_schema: Option<Arc<Schema>>,
    /// The key.
    pub key: Value,
    /// Schema of the value; none when schemaless.
    pub value_schema: Option<Arc<Schema>>,
    /// The value; null is a tombstone.
    pub value: Value,
    /// Milliseconds since 1970, if the record has a timestamp.
    pub timestamp: Option<i64>,
    /// What the timestamp means.
    pub timestamp_type: TimestampType,
    /// Headers in order.
    pub headers: Headers,
    /// Offset in the partition that it was read from.
    pub offset: i64,
    /// Topic before transforms (KIP-793): what offsets are committed under.
    pub original_topic: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_keeps_insertion_order_and_replaces_in_place() {
        let mut map = OffsetMap::new([("b", Value::Int64(1)), ("a", Value::Int64(2))]);
        map.insert("b", Value::Int64(3));
        let entries: Vec<_> = map.iter().collect();
        assert_eq!(entries, [("b", &Value::Int64(3)), ("a", &Value::Int64(2))]);
    }
}
