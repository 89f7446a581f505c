//! The broker's settings: Kafka's `server.properties`, read once and checked whole.
//!
//! Invariants: what is set is enforced, or has no meaning on one node and is said so at start,
//! or is refused with the key's name. A [`BrokerConfig`] that exists is valid.

mod keys;
mod listeners;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ::config::Config;
use ::config::properties::Properties;

pub use keys::definitions;
pub(crate) use listeners::Listener;

use crate::error::ConfigError;

/// Everything that the broker is told at start.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// The parsed values of every key, set or default.
    pub(crate) values: Config,
    /// The keys as the user wrote them.
    pub(crate) explicit: BTreeMap<String, String>,
    /// The id of this node.
    pub(crate) node_id: i32,
    /// Where to listen, in the order of the file; never empty.
    pub(crate) listeners: Vec<Listener>,
    /// The data directory.
    pub(crate) log_directory: PathBuf,
    /// Limits of sockets and requests.
    pub(crate) network: NetworkSettings,
    /// Limits and timeouts of consumer groups.
    pub(crate) group: GroupSettings,
    /// Sentences for the log: unknown keys.
    pub(crate) warnings: Vec<String>,
    /// Keys of Kafka's that were set and mean nothing on one node.
    pub(crate) without_effect: Vec<String>,
}

/// Limits of sockets and requests.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSettings {
    /// Largest request in bytes.
    pub(crate) max_request_bytes: usize,
    /// Bytes of requests and responses that may be in memory at once, over all connections.
    pub(crate) max_bytes_in_flight: usize,
    /// How long a connection may be silent.
    pub(crate) max_idle: Duration,
    /// How long a frame that has begun may take to arrive, and a response to be taken.
    pub(crate) stall_timeout: Duration,
    /// Most connections at once.
    pub(crate) max_connections: usize,
    /// Most connections at once from one address.
    pub(crate) max_connections_per_ip: usize,
    /// Size of the kernel's send buffer in bytes; `None` leaves it to the system.
    pub(crate) send_buffer_bytes: Option<usize>,
    /// Size of the kernel's receive buffer in bytes; `None` leaves it to the system.
    pub(crate) receive_buffer_bytes: Option<usize>,
    /// Connections that may wait to be accepted.
    pub(crate) backlog: i32,
    /// Most bytes of records in one Fetch response.
    pub(crate) fetch_max_bytes: usize,
}

/// Limits and timeouts of consumer groups.
#[derive(Debug, Clone)]
pub(crate) struct GroupSettings {
    /// `group.min.session.timeout.ms`.
    pub(crate) min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub(crate) max_session_timeout: Duration,
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub(crate) initial_rebalance_delay: Duration,
    /// `group.max.size`: most members of one group.
    pub(crate) max_size: usize,
    /// `offset.metadata.max.bytes`: longest text beside a committed offset.
    pub(crate) offset_metadata_max_bytes: usize,
    /// `offsets.retention.minutes`: how long the offsets of an empty group are kept.
    pub(crate) offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub(crate) offsets_retention_check_interval: Duration,
    /// `offsets.commit.timeout.ms`: how long a commit may wait for its flush.
    pub(crate) offsets_commit_timeout: Duration,
    /// `offsets.topic.num.partitions`: partitions of `__consumer_offsets` when it is created.
    pub(crate) offsets_topic_partitions: i32,
    /// `offsets.topic.segment.bytes`.
    pub(crate) offsets_topic_segment_bytes: i32,
}

impl BrokerConfig {
    /// Reads the settings of a properties file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every wrong key, its value and what was expected.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let warnings = definitions()
            .unknown_keys(properties, keys::FOREIGN_PREFIXES)
            .iter()
            .filter(|unknown| !keys::is_without_effect(&unknown.key))
            .map(ToString::to_string)
            .collect();
        let map = properties.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        Ok(Self { warnings, ..Self::from_map(map)? })
    }

    /// Reads the settings of a map from key to value.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every wrong key, its value and what was expected.
    pub fn from_map(explicit: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        keys::refuse_unserved(&explicit)?;
        let values = definitions().parse(&explicit).map_err(ConfigError::Values)?;
        let listeners = listeners::parse(&values)?;
        Ok(Self {
            node_id: node_id(&values),
            listeners,
            log_directory: log_directory(&values)?,
            network: NetworkSettings::new(&values),
            group: GroupSettings::new(&values),
            warnings: Vec::new(),
            without_effect: keys::without_effect(&explicit),
            values,
            explicit,
        })
    }
}

fn node_id(values: &Config) -> i32 {
    let broker_id = values.int("broker.id");
    if broker_id >= 0 { broker_id } else { values.int("node.id") }
}

fn log_directory(values: &Config) -> Result<PathBuf, ConfigError> {
    let text = values.optional_string("log.dirs").unwrap_or_else(|| values.string("log.dir"));
    let mut directories = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    match (directories.next(), directories.next()) {
        (Some(directory), None) => Ok(PathBuf::from(directory)),
        (None, _) => Err(ConfigError::NoLogDirectory),
        (Some(_), Some(_)) => Err(ConfigError::SeveralLogDirectories { value: text.to_owned() }),
    }
}

fn size(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

impl NetworkSettings {
    fn new(values: &Config) -> Self {
        let in_flight = values.long("queued.max.request.bytes");
        Self {
            max_request_bytes: size(values.int("socket.request.max.bytes")),
            max_bytes_in_flight: usize::try_from(in_flight).unwrap_or(usize::MAX >> 4),
            max_idle: millis(values.long("connections.max.idle.ms")),
            stall_timeout: millis(values.long("connections.max.stall.ms")),
            max_connections: size(values.int("max.connections")),
            max_connections_per_ip: size(values.int("max.connections.per.ip")),
            send_buffer_bytes: usize::try_from(values.int("socket.send.buffer.bytes")).ok(),
            receive_buffer_bytes: usize::try_from(values.int("socket.receive.buffer.bytes")).ok(),
            backlog: values.int("socket.listen.backlog.size"),
            fetch_max_bytes: size(values.int("fetch.max.bytes")),
        }
    }
}

impl GroupSettings {
    fn new(values: &Config) -> Self {
        let int_millis = |key: &str| millis(i64::from(values.int(key)));
        Self {
            min_session_timeout: int_millis("group.min.session.timeout.ms"),
            max_session_timeout: int_millis("group.max.session.timeout.ms"),
            initial_rebalance_delay: int_millis("group.initial.rebalance.delay.ms"),
            max_size: size(values.int("group.max.size")),
            offset_metadata_max_bytes: size(values.int("offset.metadata.max.bytes")),
            offsets_retention: millis(i64::from(values.int("offsets.retention.minutes")) * 60_000),
            offsets_retention_check_interval: millis(
                values.long("offsets.retention.check.interval.ms"),
            ),
            offsets_commit_timeout: int_millis("offsets.commit.timeout.ms"),
            offsets_topic_partitions: values.int("offsets.topic.num.partitions"),
            offsets_topic_segment_bytes: values.int("offsets.topic.segment.bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<BrokerConfig, ConfigError> {
        BrokerConfig::from_map(
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[track_caller]
    fn check_refused(pairs: &[(&str, &str)], expected: &str) {
        let error = parse(pairs).expect_err("settings should be refused").to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }

    #[test]
    fn an_empty_file_listens_on_loopback() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.listeners.len(), 1);
        assert_eq!(config.listeners[0].host, "localhost");
        assert_eq!(config.listeners[0].port, 9092);
    }

    #[test]
    fn broker_id_is_the_old_name_of_node_id() {
        assert_eq!(parse(&[("node.id", "7")]).unwrap().node_id, 7);
        assert_eq!(parse(&[("broker.id", "4")]).unwrap().node_id, 4);
    }

    #[test]
    fn what_is_not_enforced_is_refused_with_its_key() {
        check_refused(&[("authorizer.class.name", "org.x.Y")], "authorizer.class.name");
        check_refused(&[("ssl.keystore.location", "/k")], "ssl.keystore.location");
        check_refused(&[("listeners", "SSL://localhost:9093")], "listeners");
        check_refused(&[("default.replication.factor", "3")], "default.replication.factor");
        check_refused(&[("log.dirs", "/a,/b")], "log.dirs");
    }

    #[test]
    fn a_wrong_value_names_key_and_value() {
        check_refused(&[("num.partitions", "zero")], "num.partitions");
        check_refused(&[("flush.policy", "never")], "flush.policy");
    }

    #[test]
    fn thread_counts_are_accepted_and_remembered() {
        assert!(parse(&[("num.io.threads", "8")]).unwrap().without_effect.is_empty());
        let config = parse(&[("num.io.threads", "16")]).unwrap();
        assert_eq!(config.without_effect, ["num.io.threads"]);
    }

    #[test]
    fn a_controller_listener_is_left_out() {
        let config = parse(&[
            ("process.roles", "broker,controller"),
            ("listeners", "PLAINTEXT://localhost:0,CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
            ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
        ])
        .unwrap();
        assert_eq!(config.listeners.len(), 1);
    }
}
