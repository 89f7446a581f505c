//! A topic's settings: Kafka's names, their defaults, and which broker keys change the defaults.
//!
//! A topic's value is the one given for it, else that of the broker key that the user set, else
//! the default. Unknown keys and wrong values are refused when a topic is created.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ::config::{ConfigDef, Key, nearest};
use protocol::records::{Compression, TimestampType};

use crate::config::BrokerConfig;
use crate::log::{CleanupPolicy, FlushPolicy, LogConfig};

/// A broker key that gives a topic setting its default, and how many ms one of its units has.
type Synonym = (&'static str, i64);

static DEFINITIONS: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new(segments().into_iter().chain(records()).chain(cleaning()).chain(cluster()))
});

/// The definition of every topic setting.
pub fn definitions() -> &'static ConfigDef {
    &DEFINITIONS
}

/// Why a topic's settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicConfigError {
    /// No setting has this name.
    #[error("Unknown topic config name: {key}{}", hint(nearest.as_deref()))]
    Unknown {
        /// The name.
        key: String,
        /// A name that it may have been meant to be.
        nearest: Option<String>,
    },
    /// Values are wrong: one sentence for each.
    #[error("{0}")]
    Invalid(::config::ConfigErrors),
    /// Something is wanted that this broker does not have.
    #[error("Invalid value {value} for configuration {key}: there is no remote storage")]
    RemoteStorage {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: bool,
    },
    /// A setting without a value.
    #[error("Null value not supported for topic configs: {0}")]
    Null(String),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (nearest: {name})")).unwrap_or_default()
}

/// Checks the settings given for a topic.
///
/// # Errors
///
/// [`TopicConfigError`] with the first key that is unknown, or every value that is wrong.
pub(crate) fn check(given: &BTreeMap<String, String>) -> Result<(), TopicConfigError> {
    for key in given.keys() {
        if DEFINITIONS.key(key).is_none() {
            let names = DEFINITIONS.keys().map(|key| key.name.as_str());
            let nearest = nearest(key, names).map(ToString::to_string);
            return Err(TopicConfigError::Unknown { key: key.clone(), nearest });
        }
    }
    let parsed = DEFINITIONS.parse(given).map_err(TopicConfigError::Invalid)?;
    if parsed.boolean("remote.storage.enable") {
        let key = "remote.storage.enable";
        return Err(TopicConfigError::RemoteStorage { key, value: true });
    }
    Ok(())
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Given for the topic.
    Topic,
    /// Set in the broker's file.
    Broker,
    /// The default.
    Default,
}

/// A value of a topic setting, and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The key that has the value: the topic's own or the broker's.
    pub(crate) key: String,
    /// The value as text.
    pub(crate) value: Option<String>,
    /// Where it comes from.
    pub(crate) source: Source,
}

/// Every place that gives a setting a value, the one that counts first; never empty.
pub(crate) fn origins(
    key: &Key,
    given: &BTreeMap<String, String>,
    broker: &BrokerConfig,
) -> Vec<Origin> {
    let mut origins = Vec::new();
    if let Some(value) = given.get(&key.name) {
        let (key, value) = (key.name.clone(), Some(value.clone()));
        origins.push(Origin { key, value, source: Source::Topic });
    }
    let synonyms = synonyms(&key.name);
    for (synonym, scale) in synonyms {
        if let Some(value) = broker.explicit.get(*synonym) {
            let value = Some(scaled(value.trim(), *scale));
            origins.push(Origin { key: (*synonym).to_owned(), value, source: Source::Broker });
        }
    }
    let name = synonyms.last().map_or(key.name.as_str(), |(synonym, _)| synonym);
    origins.push(Origin {
        key: name.to_owned(),
        value: key.default_text(),
        source: Source::Default,
    });
    origins
}

fn scaled(value: &str, scale: i64) -> String {
    match value.parse::<i64>() {
        Ok(number) if scale > 1 && number >= 0 => number.saturating_mul(scale).to_string(),
        _ => value.to_owned(),
    }
}

/// The settings that a topic's log obeys.
///
/// # Errors
///
/// [`TopicConfigError::Invalid`] when a value, the broker's included, is wrong for a topic.
pub(crate) fn log_config(
    given: &BTreeMap<String, String>,
    broker: &BrokerConfig,
) -> Result<LogConfig, TopicConfigError> {
    let mut texts = BTreeMap::new();
    for key in DEFINITIONS.keys() {
        let origin = origins(key, given, broker).into_iter().next();
        if let Some(Origin { value: Some(value), .. }) = origin {
            texts.insert(key.name.clone(), value);
        }
    }
    let values = DEFINITIONS.parse(&texts).map_err(TopicConfigError::Invalid)?;
    let bytes = |key: &str| u64::try_from(values.int(key)).unwrap_or(0);
    let has_policy = |name: &str| values.list("cleanup.policy").iter().any(|policy| policy == name);
    Ok(LogConfig {
        flush_policy: if values.string("flush.policy") == "os" {
            FlushPolicy::Os
        } else {
            FlushPolicy::Ack
        },
        flush_messages: values.long("flush.messages"),
        flush_ms: values.long("flush.ms"),
        segment_bytes: bytes("segment.bytes"),
        segment_ms: values.long("segment.ms"),
        segment_jitter_ms: values.long("segment.jitter.ms"),
        segment_index_bytes: bytes("segment.index.bytes"),
        index_interval_bytes: bytes("index.interval.bytes"),
        retention_ms: Some(values.long("retention.ms")).filter(|ms| *ms >= 0),
        retention_bytes: u64::try_from(values.long("retention.bytes")).ok(),
        file_delete_delay_ms: values.long("file.delete.delay.ms"),
        cleanup_policy: CleanupPolicy {
            delete: has_policy("delete"),
            compact: has_policy("compact"),
        },
        max_message_bytes: usize::try_from(values.int("max.message.bytes")).unwrap_or(0),
        timestamp_type: if values.string("message.timestamp.type") == "LogAppendTime" {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        timestamp_before_max_ms: values.long("message.timestamp.before.max.ms"),
        timestamp_after_max_ms: values.long("message.timestamp.after.max.ms"),
        compression: compression(values.string("compression.type")),
        preallocate: values.boolean("preallocate"),
    })
}

/// How many replicas must have a record that asks for all of them.
pub(crate) fn min_insync_replicas(given: &BTreeMap<String, String>) -> i32 {
    given.get("min.insync.replicas").and_then(|value| value.trim().parse().ok()).unwrap_or(1)
}

fn compression(name: &str) -> Option<Compression> {
    match name {
        "uncompressed" => Some(Compression::None),
        "gzip" => Some(Compression::Gzip),
        "snappy" => Some(Compression::Snappy),
        "lz4" => Some(Compression::Lz4),
        "zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

fn synonyms(key: &str) -> &'static [Synonym] {
    const MINUTE: i64 = 60 * 1000;
    const HOUR: i64 = 60 * MINUTE;
    match key {
        "cleanup.policy" => &[("log.cleanup.policy", 1)],
        "compression.type" => &[("compression.type", 1)],
        "file.delete.delay.ms" => &[("log.segment.delete.delay.ms", 1)],
        "flush.messages" => &[("log.flush.interval.messages", 1)],
        "flush.ms" => &[("log.flush.interval.ms", 1)],
        "flush.policy" => &[("flush.policy", 1)],
        "index.interval.bytes" => &[("log.index.interval.bytes", 1)],
        "max.message.bytes" => &[("message.max.bytes", 1)],
        "message.timestamp.after.max.ms" => &[("log.message.timestamp.after.max.ms", 1)],
        "message.timestamp.before.max.ms" => &[("log.message.timestamp.before.max.ms", 1)],
        "message.timestamp.type" => &[("log.message.timestamp.type", 1)],
        "min.insync.replicas" => &[("min.insync.replicas", 1)],
        "preallocate" => &[("log.preallocate", 1)],
        "retention.bytes" => &[("log.retention.bytes", 1)],
        "retention.ms" => &[
            ("log.retention.ms", 1),
            ("log.retention.minutes", MINUTE),
            ("log.retention.hours", HOUR),
        ],
        "segment.bytes" => &[("log.segment.bytes", 1)],
        "segment.index.bytes" => &[("log.index.size.max.bytes", 1)],
        "segment.jitter.ms" => &[("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", HOUR)],
        "segment.ms" => &[("log.roll.ms", 1), ("log.roll.hours", HOUR)],
        "unclean.leader.election.enable" => &[("unclean.leader.election.enable", 1)],
        _ => &[],
    }
}

fn segments() -> Vec<Key> {
    vec![
        Key::int("segment.bytes")
            .default_value(1_073_741_824)
            .at_least(14)
            .doc("Size at which a segment is closed."),
        Key::long("segment.ms")
            .default_value(604_800_000_i64)
            .at_least(1)
            .doc("Age at which a segment is closed."),
        Key::long("segment.jitter.ms")
            .default_value(0_i64)
            .at_least(0)
            .doc("Most that segment.ms is shortened by at random."),
        Key::int("segment.index.bytes")
            .default_value(10_485_760)
            .at_least(4)
            .doc("Size of an index at which a segment is closed."),
        Key::int("index.interval.bytes")
            .default_value(4096)
            .at_least(0)
            .doc("Bytes of batches between two entries of an index."),
        Key::boolean("preallocate")
            .default_value(false)
            .doc("A new segment gets its full size at once."),
        Key::long("file.delete.delay.ms")
            .default_value(60_000_i64)
            .at_least(0)
            .doc("Time between marking a file as deleted and removing it."),
        Key::string("flush.policy")
            .default_value("ack")
            .one_of(&["ack", "os"])
            .doc("When an acknowledged record is on the medium. Not a key of Kafka's."),
        Key::long("flush.messages")
            .default_value(i64::MAX)
            .at_least(1)
            .doc("Records after which a partition is flushed."),
        Key::long("flush.ms")
            .default_value(i64::MAX)
            .at_least(0)
            .doc("Longest time that a record waits in memory for its flush."),
    ]
}

fn records() -> Vec<Key> {
    vec![
        Key::int("max.message.bytes")
            .default_value(1_048_588)
            .at_least(0)
            .doc("Largest record batch in bytes."),
        Key::string("message.timestamp.type")
            .default_value("CreateTime")
            .one_of(&["CreateTime", "LogAppendTime"])
            .doc("Whose clock a record's timestamp comes from."),
        Key::long("message.timestamp.before.max.ms")
            .default_value(i64::MAX)
            .at_least(0)
            .doc("Most that a timestamp may be behind the broker's clock."),
        Key::long("message.timestamp.after.max.ms")
            .default_value(3_600_000_i64)
            .at_least(0)
            .doc("Most that a timestamp may be ahead of the broker's clock."),
        Key::string("compression.type")
            .default_value("producer")
            .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
            .doc("Codec of what is stored; producer keeps what was sent."),
        Key::int("compression.gzip.level").default_value(-1).between(-1, 9).doc("Level of gzip."),
        Key::int("compression.lz4.level").default_value(9).between(1, 17).doc("Level of lz4."),
        Key::int("compression.zstd.level")
            .default_value(3)
            .between(-131_072, 22)
            .doc("Level of zstd."),
    ]
}

fn cleaning() -> Vec<Key> {
    vec![
        Key::list("cleanup.policy")
            .default_value("delete")
            .one_of(&["compact", "delete"])
            .doc("What happens to old segments: delete, compact, or both."),
        Key::long("retention.ms")
            .default_value(604_800_000_i64)
            .at_least(-1)
            .doc("Age at which segments are deleted; -1 keeps them."),
        Key::long("retention.bytes")
            .default_value(-1_i64)
            .doc("Size of a partition above which its oldest segments go; -1 is no limit."),
        Key::long("delete.retention.ms")
            .default_value(86_400_000_i64)
            .at_least(0)
            .doc("How long a compacted topic keeps a deletion."),
        Key::double("min.cleanable.dirty.ratio")
            .default_value(0.5)
            .between(0.0, 1.0)
            .doc("Share of a partition that is compacted together."),
        Key::long("min.compaction.lag.ms")
            .default_value(0_i64)
            .at_least(0)
            .doc("Shortest time that a record stays before it is compacted."),
        Key::long("max.compaction.lag.ms")
            .default_value(i64::MAX)
            .at_least(1)
            .doc("Longest time that a record stays before it is compacted."),
    ]
}

fn cluster() -> Vec<Key> {
    vec![
        Key::int("min.insync.replicas")
            .default_value(1)
            .at_least(1)
            .doc("Replicas that must have a record that asks for all of them."),
        Key::boolean("unclean.leader.election.enable")
            .default_value(false)
            .doc("A broker of one node has no use for it."),
        Key::list("leader.replication.throttled.replicas")
            .default_value("")
            .doc("A broker of one node has no use for it."),
        Key::list("follower.replication.throttled.replicas")
            .default_value("")
            .doc("A broker of one node has no use for it."),
        Key::boolean("remote.storage.enable")
            .default_value(false)
            .doc("There is no remote storage: false is the only value."),
        Key::long("local.retention.ms")
            .default_value(-2_i64)
            .at_least(-2)
            .doc("Retention beside remote storage; -2 is retention.ms."),
        Key::long("local.retention.bytes")
            .default_value(-2_i64)
            .at_least(-2)
            .doc("Retention beside remote storage; -2 is retention.bytes."),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check_refused(pair: (&str, &str), expected: &str) {
        let error = check(&map(&[pair])).expect_err("should be refused").to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_by_name() {
        check_refused(("retention.mz", "1"), "retention.mz");
        check_refused(("retention.mz", "1"), "retention.ms");
        check_refused(("segment.bytes", "many"), "segment.bytes");
        check_refused(("cleanup.policy", "shred"), "cleanup.policy");
        check_refused(("remote.storage.enable", "true"), "remote.storage.enable");
        assert_eq!(check(&map(&[("cleanup.policy", "compact,delete")])), Ok(()));
    }

    #[test]
    fn the_topic_counts_before_the_broker_and_the_broker_before_the_default() {
        fn retention(given: &BTreeMap<String, String>, broker: &BrokerConfig) -> Option<i64> {
            log_config(given, broker).unwrap().retention_ms
        }
        let broker = |pairs| BrokerConfig::from_map(map(pairs)).unwrap();
        let none = map(&[]);
        assert_eq!(retention(&none, &broker(&[])), Some(604_800_000));
        let hours = broker(&[("log.retention.hours", "2")]);
        assert_eq!(retention(&none, &hours), Some(7_200_000));
        assert_eq!(retention(&map(&[("retention.ms", "5")]), &hours), Some(5));
        let minutes = broker(&[("log.retention.hours", "2"), ("log.retention.minutes", "1")]);
        assert_eq!(retention(&none, &minutes), Some(60_000));
        assert_eq!(retention(&none, &broker(&[("log.retention.ms", "-1")])), None);
    }

    #[test]
    fn every_synonym_is_a_broker_key() {
        for key in DEFINITIONS.keys() {
            for (synonym, _) in synonyms(&key.name) {
                let broker = crate::config::definitions();
                assert!(broker.key(synonym).is_some(), "{synonym} of {}", key.name);
            }
        }
    }
}
