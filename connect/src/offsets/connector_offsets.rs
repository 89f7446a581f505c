//! The offsets of one connector: Connect's data model outside, stored JSON inside.
//!
//! A key is `["<connector>",{<source partition>}]`, a value the offset map, both compact JSON
//! without an envelope. Java finds an offset by the *bytes* of its key, so a key that is stored
//! already keeps its bytes: order of members does not matter to us, but it does to Java.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use connect_api::connector::OffsetReader;
use connect_api::{OffsetMap, PartitionMap, Result, Value};
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};

use super::store::{Change, OffsetBackingStore, OffsetStoreError};

/// A source partition as stored, and its offset.
pub type StoredOffset = (Map<String, Json>, Map<String, Json>);

/// A source partition and its new offset; none deletes it.
pub type AlteredOffset = (Map<String, Json>, Option<Map<String, Json>>);

/// Reads and writes the offsets of one connector.
pub struct ConnectorOffsets {
    connector: Arc<str>,
    store: Arc<dyn OffsetBackingStore>,
    /// Bytes of the key for each logical partition met so far.
    keys: Mutex<HashMap<String, Vec<u8>>>,
}

impl ConnectorOffsets {
    /// Makes the view of `connector` on the worker's store.
    #[must_use]
    pub fn new(connector: Arc<str>, store: Arc<dyn OffsetBackingStore>) -> Self {
        let offsets = Self { connector, store, keys: Mutex::new(HashMap::new()) };
        for (key, _) in offsets.store.entries() {
            if let Some(partition) = offsets.partition_of(&key) {
                offsets.keys.lock().insert(canonical(&Json::Object(partition)), key);
            }
        }
        offsets
    }

    /// All stored offsets of this connector, ordered by partition.
    #[must_use]
    pub fn list(&self) -> Vec<StoredOffset> {
        let mut found: Vec<(String, StoredOffset)> = Vec::new();
        for (key, value) in self.store.entries() {
            let Some(partition) = self.partition_of(&key) else { continue };
            if let Ok(Json::Object(offset)) = serde_json::from_slice(&value) {
                found.push((canonical(&Json::Object(partition.clone())), (partition, offset)));
            }
        }
        found.sort_by(|left, right| left.0.cmp(&right.0));
        found.into_iter().map(|(_, stored)| stored).collect()
    }

    /// Stores the offset of each partition; durable on return.
    ///
    /// # Errors
    ///
    /// As the store says; nothing is changed then.
    pub fn commit(
        &self,
        offsets: &[(Arc<PartitionMap>, OffsetMap)],
    ) -> std::result::Result<(), OffsetStoreError> {
        let changes = offsets
            .iter()
            .map(|(partition, offset)| {
                let partition = entries_to_json(partition.iter());
                let offset = Json::Object(entries_to_json(offset.iter()));
                (self.key_of(&partition), Some(offset.to_string().into_bytes()))
            })
            .collect();
        self.store.set(changes)
    }

    /// Sets or (`None`) deletes offsets, as an operator gave them.
    ///
    /// # Errors
    ///
    /// As the store says; nothing is changed then.
    pub fn alter(&self, offsets: &[AlteredOffset]) -> std::result::Result<(), OffsetStoreError> {
        let changes: Vec<Change> = offsets
            .iter()
            .map(|(partition, offset)| {
                let value = offset.clone().map(|map| Json::Object(map).to_string().into_bytes());
                (self.key_of(partition), value)
            })
            .collect();
        self.store.set(changes)
    }

    fn key_of(&self, partition: &Map<String, Json>) -> Vec<u8> {
        let partition = Json::Object(partition.clone());
        let mut keys = self.keys.lock();
        keys.entry(canonical(&partition))
            .or_insert_with(|| {
                let name = Json::String(self.connector.to_string());
                Json::Array(vec![name, partition]).to_string().into_bytes()
            })
            .clone()
    }

    fn partition_of(&self, key: &[u8]) -> Option<Map<String, Json>> {
        let Ok(Json::Array(parts)) = serde_json::from_slice(key) else { return None };
        match <[Json; 2]>::try_from(parts) {
            Ok([Json::String(name), Json::Object(partition)]) if *name == *self.connector => {
                Some(partition)
            }
            _ => None,
        }
    }
}

#[async_trait]
impl OffsetReader for ConnectorOffsets {
    async fn offset(&self, partition: &PartitionMap) -> Result<Option<OffsetMap>> {
        let key = self.key_of(&entries_to_json(partition.iter()));
        let Some(bytes) = self.store.get(&key) else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(Json::Object(map)) => Ok(Some(OffsetMap::new(json_entries(&map)))),
            _ => Ok(None),
        }
    }
}

/// Turns stored JSON into entries of a partition or offset map: integers are int64 always.
pub fn json_entries(map: &Map<String, Json>) -> impl Iterator<Item = (&str, Value)> {
    map.iter().map(|(key, value)| (key.as_str(), json_to_value(value)))
}

fn json_to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Int64(integer),
            (None, Some(float)) => Value::Float64(float),
            (None, None) => Value::String(number.to_string()),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(json_to_value).collect()),
        Json::Object(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (Value::from(key.as_str()), json_to_value(value)))
                .collect(),
        ),
    }
}

fn entries_to_json<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> Map<String, Json> {
    entries.map(|(key, value)| (key.to_owned(), value_to_json(value))).collect()
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Float32(value) => Json::from(f64::from(*value)),
        Value::Float64(value) => Json::from(*value),
        Value::String(text) => Json::String(text.clone()),
        Value::Array(items) => Json::Array(items.iter().map(value_to_json).collect()),
        other => match other.as_i64() {
            Some(integer) => Json::from(integer),
            None => Json::String(other.to_string()),
        },
    }
}

/// The same text for equal JSON, whatever the order of members.
fn canonical(json: &Json) -> String {
    match json {
        Json::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|left, right| left.0.cmp(right.0));
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Json::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryOffsetStore;
    use super::*;

    fn file(name: &str) -> Arc<PartitionMap> {
        Arc::new(PartitionMap::new([("filename", Value::from(name))]))
    }

    fn position(value: i64) -> OffsetMap {
        OffsetMap::new([("position", Value::Int64(value))])
    }

    #[test]
    fn key_and_value_have_the_bytes_that_java_writes() {
        let store = Arc::new(MemoryOffsetStore::default());
        let offsets = ConnectorOffsets::new("c".into(), Arc::clone(&store) as _);
        offsets.commit(&[(file("/tmp/in"), position(10))]).unwrap();
        let expected =
            (br#"["c",{"filename":"/tmp/in"}]"#.to_vec(), br#"{"position":10}"#.to_vec());
        assert_eq!(store.entries(), [expected]);
    }

    #[tokio::test]
    async fn stored_offset_is_read_as_int64_and_only_by_its_connector() {
        let store: Arc<dyn OffsetBackingStore> = Arc::new(MemoryOffsetStore::default());
        let offsets = ConnectorOffsets::new("c".into(), Arc::clone(&store));
        offsets.commit(&[(file("a"), position(10))]).unwrap();
        assert_eq!(offsets.offset(&file("a")).await.unwrap(), Some(position(10)));
        assert_eq!(offsets.offset(&file("b")).await.unwrap(), None);
        let other = ConnectorOffsets::new("d".into(), store);
        assert_eq!(other.offset(&file("a")).await.unwrap(), None);
        assert_eq!(other.list(), []);
    }

    #[test]
    fn stored_key_keeps_its_bytes_when_members_come_in_another_order() {
        let store = Arc::new(MemoryOffsetStore::default());
        let key = br#"["c",{"b":1,"a":2}]"#.to_vec();
        store.set(vec![(key.clone(), Some(b"{\"x\":1}".to_vec()))]).unwrap();
        let offsets = ConnectorOffsets::new("c".into(), Arc::clone(&store) as _);
        let partition = PartitionMap::new([("a", Value::Int64(2)), ("b", Value::Int64(1))]);
        offsets.commit(&[(Arc::new(partition), position(2))]).unwrap();
        assert_eq!(store.entries(), [(key, br#"{"position":2}"#.to_vec())]);
    }

    #[test]
    fn null_offset_deletes() {
        let store = Arc::new(MemoryOffsetStore::default());
        let offsets = ConnectorOffsets::new("c".into(), Arc::clone(&store) as _);
        offsets.commit(&[(file("a"), position(10)), (file("b"), position(20))]).unwrap();
        let (partition, _) = offsets.list().remove(0);
        offsets.alter(&[(partition, None)]).unwrap();
        assert_eq!(offsets.list().len(), 1);
    }
}
