//! The offsets of a connector, read and changed by an operator (KIP-875).
//!
//! A source's are in the worker's offset store; a sink's are those of its consumer group, shown
//! as `kafka_topic`, `kafka_partition` and `kafka_offset`. Calls here block.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{Admin, ClientSettings, Consumer, Role, TopicPartition};
use connect_api::connector::Settings;
use connect_api::{OffsetMap, PartitionMap};
use serde_json::{Map, Value as Json, json};

use super::error::HerderError;
use crate::connector_config::{TOPICS, TOPICS_REGEX};
use crate::offsets::connector_offsets::{ConnectorOffsets, json_entries};
use crate::worker::connector_host::Connector;
use crate::worker::{Shared, clients};

/// How long Kafka may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

pub use crate::offsets::connector_offsets::AlteredOffset as Change;

/// Lists the offsets of a source.
#[must_use]
pub fn source_offsets(shared: &Shared, name: &str) -> Vec<(Json, Json)> {
    let offsets = ConnectorOffsets::new(name.into(), Arc::clone(&shared.offsets));
    let stored = offsets.list().into_iter();
    stored.map(|(partition, offset)| (Json::Object(partition), Json::Object(offset))).collect()
}

/// Changes offsets of a source, after its connector has checked them; tells whether the
/// connector itself took note.
///
/// # Errors
///
/// The connector refuses, or the store fails; nothing is changed then.
pub fn alter_source(
    shared: &Shared,
    name: &str,
    settings: &Settings,
    changes: &[Change],
) -> Result<bool, HerderError> {
    let class = settings.get("connector.class").map_or("", |class| class.trim());
    let plugin = *shared.plugins.connector(class)?;
    let resolved = shared.config.providers.resolve(settings)?;
    let typed: Vec<(PartitionMap, Option<OffsetMap>)> = changes
        .iter()
        .map(|(partition, offset)| {
            let offset = offset.as_ref().map(|offset| OffsetMap::new(json_entries(offset)));
            (PartitionMap::new(json_entries(partition)), offset)
        })
        .collect();
    let noted = match Connector::of(&plugin) {
        Some(Connector::Source(connector)) => connector.alter_offsets(&resolved, &typed)?,
        _ => false,
    };
    let offsets = ConnectorOffsets::new(name.into(), Arc::clone(&shared.offsets));
    offsets.alter(changes)?;
    Ok(noted)
}

/// Deletes all offsets of a source; tells whether the connector itself took note.
///
/// # Errors
///
/// As [`alter_source`].
pub fn reset_source(shared: &Shared, name: &str, settings: &Settings) -> Result<bool, HerderError> {
    let offsets = ConnectorOffsets::new(name.into(), Arc::clone(&shared.offsets));
    let changes: Vec<Change> =
        offsets.list().into_iter().map(|(partition, _)| (partition, None)).collect();
    alter_source(shared, name, settings, &changes)
}

/// Lists the committed offsets of a sink's consumer group.
///
/// # Errors
///
/// Kafka does not answer.
pub fn sink_offsets(
    shared: &Shared,
    name: &str,
    settings: &Settings,
) -> Result<Vec<(Json, Json)>, HerderError> {
    let resolved = shared.config.providers.resolve(settings)?;
    let partitions = sink_partitions(shared, name, &resolved)?;
    let consumer = group_reader(shared, name, &resolved)?;
    let committed = consumer.committed(&partitions, TIMEOUT).map_err(kafka)?;
    let shown = committed.into_iter().filter_map(|(partition, offset)| {
        let offset = offset?;
        Some((
            json!({"kafka_topic": &*partition.topic, "kafka_partition": partition.partition}),
            json!({"kafka_offset": offset}),
        ))
    });
    Ok(shown.collect())
}

/// Changes committed offsets of a sink's consumer group, which must have no members.
///
/// # Errors
///
/// An entry is malformed, asks for a reset of one partition, or Kafka refuses.
pub fn alter_sink(
    shared: &Shared,
    name: &str,
    settings: &Settings,
    changes: &[Change],
) -> Result<(), HerderError> {
    let resolved = shared.config.providers.resolve(settings)?;
    let mut offsets = BTreeMap::new();
    for (partition, offset) in changes {
        let (partition, offset) = sink_change(partition, offset.as_ref())?;
        offsets.insert(partition, offset);
    }
    let consumer = group_reader(shared, name, &resolved)?;
    consumer.commit_sync(&offsets, TIMEOUT).map_err(kafka)
}

fn sink_change(
    partition: &Map<String, Json>,
    offset: Option<&Map<String, Json>>,
) -> Result<(TopicPartition, i64), HerderError> {
    let bad = |text: String| HerderError::BadOffsets(text);
    let topic = partition.get("kafka_topic").and_then(Json::as_str).ok_or_else(|| {
        bad("The partition for a sink connector offset must contain the key 'kafka_topic'".into())
    })?;
    let number = partition.get("kafka_partition").and_then(integer).ok_or_else(|| {
        bad(format!("The partition of topic {topic} must contain a number 'kafka_partition'"))
    })?;
    let number = i32::try_from(number)
        .map_err(|_| bad(format!("Partition {number} of topic {topic} is out of range")))?;
    let Some(offset) = offset else {
        let text = format!(
            "A reset of the single partition {topic}-{number} is not offered; give an offset"
        );
        return Err(bad(text));
    };
    let offset = offset.get("kafka_offset").and_then(integer).filter(|offset| *offset >= 0);
    let offset = offset.ok_or_else(|| {
        bad(format!("The offset of {topic}-{number} must be a 'kafka_offset' of at least 0"))
    })?;
    Ok((TopicPartition::new(topic, number), offset))
}

/// Reads a number, or a text that is one.
fn integer(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.parse().ok())
}

fn group_reader(shared: &Shared, name: &str, settings: &Settings) -> Result<Consumer, HerderError> {
    let worker = &shared.config;
    let mut merged = worker.clients.consumer.clone();
    merged.insert("bootstrap.servers".to_owned(), worker.bootstrap_servers.join(","));
    merged.insert("group.id".to_owned(), clients::sink_group(worker, settings, name));
    merged.insert("enable.auto.commit".to_owned(), "false".to_owned());
    let settings = ClientSettings::from_properties(Role::Consumer, &merged).map_err(kafka)?;
    Consumer::new(&settings).map_err(kafka)
}

fn sink_partitions(
    shared: &Shared,
    name: &str,
    settings: &Settings,
) -> Result<Vec<TopicPartition>, HerderError> {
    let admin_settings =
        clients::admin(&shared.config, Some(settings), &format!("connector-adminclient-{name}"));
    let admin = Admin::new(&admin_settings.map_err(kafka)?).map_err(kafka)?;
    let value = |key: &str| settings.get(key).map_or("", |value| value.trim());
    let wanted: Box<dyn Fn(&str) -> bool> = if value(TOPICS_REGEX).is_empty() {
        let names: Vec<String> = value(TOPICS).split(',').map(|t| t.trim().to_owned()).collect();
        Box::new(move |topic| names.iter().any(|name| name == topic))
    } else {
        let pattern = regex::Regex::new(&format!("^(?:{})$", value(TOPICS_REGEX)));
        let pattern = pattern.map_err(|error| HerderError::BadOffsets(error.to_string()))?;
        Box::new(move |topic| pattern.is_match(topic))
    };
    let topics = admin.topics(TIMEOUT).map_err(kafka)?;
    let partitions = topics
        .iter()
        .filter(|topic| wanted(&topic.name))
        .flat_map(|topic| (0..topic.partitions).map(|p| TopicPartition::new(&*topic.name, p)));
    Ok(partitions.collect())
}

fn kafka(error: impl std::error::Error) -> HerderError {
    HerderError::Kafka(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(partition: Json, offset: Json, expected: Option<(i32, i64)>) {
        let (Json::Object(partition), Json::Object(offset)) = (partition, offset) else {
            panic!("both are objects")
        };
        let found = sink_change(&partition, Some(&offset)).ok();
        assert_eq!(found.map(|(partition, offset)| (partition.partition, offset)), expected);
    }

    #[test]
    fn sink_offsets_are_numbers_or_texts_of_numbers() {
        let offset = json!({"kafka_offset": 5});
        check(json!({"kafka_topic": "t", "kafka_partition": 1}), offset.clone(), Some((1, 5)));
        check(
            json!({"kafka_topic": "t", "kafka_partition": "2"}),
            json!({"kafka_offset": "7"}),
            Some((2, 7)),
        );
        check(json!({"kafka_topic": "t"}), offset.clone(), None);
        check(json!({"kafka_partition": 1}), offset, None);
        check(json!({"kafka_topic": "t", "kafka_partition": 1}), json!({"kafka_offset": -1}), None);
    }
}
