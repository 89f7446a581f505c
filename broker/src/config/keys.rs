//! The keys of `server.properties`: name, type, default, limits, meaning.
//!
//! Names and defaults are Kafka's, but for those that say otherwise in their documentation.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ::config::{ConfigDef, Key};

use crate::error::ConfigError;

/// Prefixes of keys that belong to others who read the same file.
pub(crate) const FOREIGN_PREFIXES: &[&str] = &["confluent.", "metric.", "kafka.metrics."];

static ENFORCED: LazyLock<ConfigDef> = LazyLock::new(|| {
    let groups =
        [node(), network(), topics(), log(), retention(), flushing(), groups(), producers()];
    ConfigDef::new(groups.into_iter().flatten())
});

static WITHOUT_EFFECT: LazyLock<ConfigDef> =
    LazyLock::new(|| ConfigDef::new(threads().into_iter().chain(cluster())));

static ALL: LazyLock<ConfigDef> =
    LazyLock::new(|| ConfigDef::new(ENFORCED.keys().chain(WITHOUT_EFFECT.keys()).cloned()));

/// The definition of every key that the broker accepts.
pub fn definitions() -> &'static ConfigDef {
    &ALL
}

/// Says whether a key is Kafka's and means nothing to a broker of one node.
pub(crate) fn is_without_effect(key: &str) -> bool {
    WITHOUT_EFFECT.key(key).is_some()
}

/// The keys that were set to something else than their defaults and change nothing.
pub(crate) fn without_effect(explicit: &BTreeMap<String, String>) -> Vec<String> {
    let is_changed = |key: &str, value: &str| {
        let default = WITHOUT_EFFECT.key(key).map(Key::default_text);
        default.is_some_and(|default| default.as_deref() != Some(value.trim()))
    };
    explicit
        .iter()
        .filter(|(key, value)| is_changed(key, value))
        .map(|(key, _)| key.clone())
        .collect()
}

/// Refuses keys whose meaning would be missed if they were passed over.
///
/// # Errors
///
/// [`ConfigError::NotServed`] with the key.
pub(crate) fn refuse_unserved(explicit: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    const REFUSED_PREFIXES: &[&str] =
        &["ssl.", "sasl.", "listener.name.", "quota.", "client.quota."];
    const REFUSED: &[&str] = &[
        "authorizer.class.name",
        "principal.builder.class",
        "connection.failed.authentication.delay.ms",
        "create.topic.policy.class.name",
        "alter.config.policy.class.name",
        "remote.log.storage.system.enable",
        "super.users",
    ];
    for (key, value) in explicit {
        let refused = REFUSED.contains(&key.as_str())
            || REFUSED_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if refused && !value.is_empty() && value != "false" {
            return Err(ConfigError::NotServed { key: key.clone() });
        }
    }
    Ok(())
}

fn node() -> Vec<Key> {
    vec![
        Key::int("node.id").default_value(1).at_least(0).doc("Id of this node."),
        Key::int("broker.id").default_value(-1).at_least(-1).doc("Old name of node.id."),
        Key::string("broker.rack").default_null().doc("Rack of this node, shown in metadata."),
        Key::string("listeners")
            .default_value("PLAINTEXT://localhost:9092")
            .doc("Where to listen. Unlike Kafka's, the default is loopback only."),
        Key::string("advertised.listeners")
            .default_null()
            .doc("Addresses that clients are told, when they differ from the listeners."),
        Key::list("listener.security.protocol.map")
            .default_value(
                "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            )
            .doc("Security protocol of each listener name; PLAINTEXT is served."),
        Key::list("controller.listener.names")
            .default_value("")
            .doc("Listeners that are not opened: this broker is its own controller."),
        Key::string("log.dir").default_value("/tmp/kafka-logs").doc("Data directory."),
        Key::int("num.recovery.threads.per.data.dir")
            .default_value(2)
            .between(1, 1024)
            .doc("Threads that load partitions at start."),
        Key::string("log.dirs")
            .default_null()
            .doc("Data directory; takes precedence over log.dir."),
    ]
}

fn network() -> Vec<Key> {
    vec![
        Key::int("socket.request.max.bytes")
            .default_value(104_857_600)
            .at_least(1)
            .doc("Largest request in bytes."),
        Key::long("queued.max.request.bytes")
            .default_value(67_108_864_i64)
            .doc("Bytes of requests in memory over all connections; reading pauses above it. -1 lifts the limit. Kafka's default is -1."),
        Key::int("socket.send.buffer.bytes")
            .default_value(-1)
            .at_least(-1)
            .doc("Send buffer of a socket in bytes; -1 leaves it to the system."),
        Key::int("socket.receive.buffer.bytes")
            .default_value(-1)
            .at_least(-1)
            .doc("Receive buffer of a socket in bytes; -1 leaves it to the system."),
        Key::int("socket.listen.backlog.size")
            .default_value(1024)
            .at_least(1)
            .doc("Connections that may wait to be accepted."),
        Key::long("connections.max.idle.ms")
            .default_value(600_000_i64)
            .at_least(1)
            .doc("Silent connections are closed after this time."),
        Key::long("connections.max.stall.ms")
            .default_value(30_000_i64)
            .at_least(1)
            .doc("Longest pause inside a request that has begun to arrive, or inside a response that the client takes. Not a key of Kafka's."),
        Key::int("max.connections")
            .default_value(i32::MAX)
            .at_least(0)
            .doc("Most connections at once."),
        Key::int("max.connections.per.ip")
            .default_value(i32::MAX)
            .at_least(0)
            .doc("Most connections at once from one address."),
        Key::int("fetch.max.bytes")
            .default_value(57_671_680)
            .at_least(1024)
            .doc("Most bytes of records in one Fetch response."),
    ]
}

fn topics() -> Vec<Key> {
    vec![
        Key::boolean("auto.create.topics.enable")
            .default_value(true)
            .doc("A topic that a client names is created."),
        Key::boolean("delete.topic.enable").default_value(true).doc("Topics may be deleted."),
        Key::int("num.partitions")
            .default_value(1)
            .between(1, 10_000)
            .doc("Partitions of a topic that is created without a count."),
        Key::int("default.replication.factor")
            .default_value(1)
            .between(1, 1)
            .doc("Replicas of a topic; this broker has one node."),
        Key::int("min.insync.replicas")
            .default_value(1)
            .between(1, 1)
            .doc("Replicas that must have a record; this broker has one node."),
    ]
}

fn log() -> Vec<Key> {
    vec![
        Key::int("message.max.bytes")
            .default_value(1_048_588)
            .at_least(0)
            .doc("Largest record batch in bytes."),
        Key::int("log.segment.bytes")
            .default_value(1_073_741_824)
            .at_least(14)
            .doc("Size at which a segment is closed."),
        Key::long("log.roll.ms")
            .default_null()
            .at_least(1)
            .doc("Age at which a segment is closed; takes precedence over log.roll.hours."),
        Key::int("log.roll.hours")
            .default_value(168)
            .at_least(1)
            .doc("Age at which a segment is closed."),
        Key::long("log.roll.jitter.ms")
            .default_null()
            .at_least(0)
            .doc("Most that the age is shortened by at random; takes precedence over hours."),
        Key::int("log.roll.jitter.hours")
            .default_value(0)
            .at_least(0)
            .doc("Most that the age is shortened by at random."),
        Key::int("log.index.size.max.bytes")
            .default_value(10_485_760)
            .at_least(4)
            .doc("Size of an index at which a segment is closed."),
        Key::boolean("log.preallocate")
            .default_value(false)
            .doc("A new segment gets its full size at once."),
        Key::string("compression.type")
            .default_value("producer")
            .one_of(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"])
            .doc("Codec of what is stored; producer keeps what was sent."),
        Key::long("log.message.timestamp.before.max.ms")
            .default_value(i64::MAX)
            .at_least(0)
            .doc("Most that a timestamp may be behind the broker's clock."),
        Key::long("log.message.timestamp.after.max.ms")
            .default_value(3_600_000_i64)
            .at_least(0)
            .doc("Most that a timestamp may be ahead of the broker's clock."),
        Key::int("log.index.interval.bytes")
            .default_value(4096)
            .at_least(0)
            .doc("Bytes between two entries of an index."),
        Key::string("log.message.timestamp.type")
            .default_value("CreateTime")
            .one_of(&["CreateTime", "LogAppendTime"])
            .doc("Whose clock a record's timestamp comes from."),
    ]
}

fn retention() -> Vec<Key> {
    vec![
        Key::list("log.cleanup.policy")
            .default_value("delete")
            .one_of(&["compact", "delete"])
            .doc("What happens to old segments: delete, compact, or both."),
        Key::long("log.retention.ms").default_null().doc("Age at which segments are deleted; -1 keeps them; takes precedence over minutes and hours."),
        Key::int("log.retention.minutes").default_null().doc("Age at which segments are deleted; takes precedence over hours."),
        Key::int("log.retention.hours")
            .default_value(168)
            .doc("Age at which segments are deleted."),
        Key::long("log.retention.bytes")
            .default_value(-1_i64)
            .doc("Size of a partition above which its oldest segments are deleted; -1 is no limit."),
        Key::long("log.retention.check.interval.ms")
            .default_value(300_000_i64)
            .at_least(1)
            .doc("Time between two looks for segments to delete."),
        Key::long("log.segment.delete.delay.ms")
            .default_value(60_000_i64)
            .at_least(0)
            .doc("Time between marking a file as deleted and removing it."),
    ]
}

fn flushing() -> Vec<Key> {
    vec![
        Key::string("flush.policy")
            .default_value("ack")
            .one_of(&["ack", "os"])
            .doc("ack: acks=all is answered after the flush that covers it. os: the operating system decides when to flush, as in Kafka. Not a key of Kafka's."),
        Key::long("log.flush.interval.messages")
            .default_value(i64::MAX)
            .at_least(1)
            .doc("Records in a partition after which it is flushed."),
        Key::long("log.flush.interval.ms")
            .default_null()
            .at_least(0)
            .doc("Longest time that a record waits in memory for its flush."),
        Key::int("log.flush.offset.checkpoint.interval.ms")
            .default_value(60_000)
            .at_least(1)
            .doc("How often the recovery points are stored."),
    ]
}

fn groups() -> Vec<Key> {
    vec![
        Key::int("group.min.session.timeout.ms")
            .default_value(6000)
            .at_least(0)
            .doc("Shortest session timeout of a member."),
        Key::int("group.max.session.timeout.ms")
            .default_value(1_800_000)
            .at_least(0)
            .doc("Longest session timeout of a member."),
        Key::int("group.initial.rebalance.delay.ms")
            .default_value(0)
            .at_least(0)
            .doc("How long an empty group waits for more members. Kafka's default is 3000, its sample file has 0."),
        Key::int("group.max.size").default_value(i32::MAX).at_least(1).doc("Most members of a group."),
        Key::int("offset.metadata.max.bytes")
            .default_value(4096)
            .at_least(0)
            .doc("Longest text beside a committed offset."),
        Key::int("offsets.retention.minutes")
            .default_value(10_080)
            .at_least(1)
            .doc("How long the offsets of an empty group are kept."),
        Key::long("offsets.retention.check.interval.ms")
            .default_value(600_000_i64)
            .at_least(1)
            .doc("Time between two looks for offsets to expire."),
        Key::int("offsets.commit.timeout.ms")
            .default_value(5000)
            .at_least(1)
            .doc("How long a commit may wait for its flush."),
        Key::int("offsets.topic.num.partitions")
            .default_value(50)
            .between(1, 10_000)
            .doc("Partitions of __consumer_offsets when it is created."),
        Key::int("offsets.topic.segment.bytes")
            .default_value(104_857_600)
            .at_least(1)
            .doc("Size at which a segment of __consumer_offsets is closed."),
    ]
}

fn producers() -> Vec<Key> {
    vec![
        Key::int("producer.id.expiration.ms")
            .default_value(86_400_000)
            .at_least(1)
            .doc("How long the sequence numbers of a silent producer are kept."),
    ]
}

fn threads() -> Vec<Key> {
    let count = |name: &'static str, default: i32| {
        Key::int(name).default_value(default).at_least(1).doc("Threads follow the processors.")
    };
    vec![
        count("num.network.threads", 3),
        count("num.io.threads", 8),
        count("num.replica.fetchers", 1),
        count("background.threads", 10),
        count("queued.max.requests", 500),
    ]
}

fn cluster() -> Vec<Key> {
    let alone = "A broker of one node has no use for it.";
    let uncompacted = "Compacted topics keep all their records for now.";
    let text = |name: &'static str| Key::string(name).default_null().doc(alone);
    let int = |name: &'static str, default: i32| Key::int(name).default_value(default).doc(alone);
    vec![
        text("process.roles"),
        text("inter.broker.listener.name"),
        text("security.inter.broker.protocol"),
        text("controller.quorum.voters"),
        text("controller.quorum.bootstrap.servers"),
        text("metadata.log.dir"),
        text("zookeeper.connect"),
        text("zookeeper.connection.timeout.ms"),
        text("inter.broker.protocol.version"),
        text("log.message.format.version"),
        int("offsets.topic.replication.factor", 1),
        int("offsets.load.buffer.size", 5_242_880),
        int("offsets.topic.compression.codec", 0),
        Key::boolean("log.cleaner.enable").default_value(true).doc(uncompacted),
        Key::int("log.cleaner.threads").default_value(1).doc(uncompacted),
        int("transaction.state.log.replication.factor", 1),
        int("transaction.state.log.min.isr", 1),
        int("transaction.state.log.num.partitions", 50),
        int("share.coordinator.state.topic.replication.factor", 1),
        int("share.coordinator.state.topic.min.isr", 1),
        int("replica.socket.timeout.ms", 30_000),
        int("replica.fetch.max.bytes", 1_048_576),
        Key::long("replica.lag.time.max.ms").default_value(30_000_i64).doc(alone),
        Key::boolean("unclean.leader.election.enable").default_value(false).doc(alone),
        Key::boolean("auto.leader.rebalance.enable").default_value(true).doc(alone),
        Key::boolean("controlled.shutdown.enable").default_value(true).doc(alone),
    ]
}
