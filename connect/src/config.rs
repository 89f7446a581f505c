//! Settings of the worker: `connect-standalone.properties` and `connect-distributed.properties`.
//!
//! Names, types and defaults are Kafka Connect's. Three additions of ours, all optional:
//! `embedded`, `embedded.data.dir` and a worker-wide `schema.registry.url`. A key that has no
//! meaning in this worker is accepted and said to have no effect; one whose absence would surprise
//! (TLS listeners, REST extensions) is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use config::provider::Providers;
use config::{Config, ConfigDef, Importance, Key, Properties};

use crate::override_policy::OverridePolicy;
use crate::rest::listener::{Listener, ListenerError};

/// Keys of a worker in either mode.
pub static WORKER: LazyLock<ConfigDef> = LazyLock::new(|| {
    let mut keys = cluster_keys();
    keys.extend(rest_keys());
    keys.extend(plugin_keys());
    keys.extend(no_effect_keys());
    ConfigDef::new(keys)
});

/// Keys of a standalone worker.
pub static STANDALONE: LazyLock<ConfigDef> = LazyLock::new(|| {
    WORKER.merged(&ConfigDef::new([
        Key::string("offset.storage.file.filename")
            .non_empty()
            .importance(Importance::High)
            .doc("File that holds the offsets of source connectors, in Java's format."),
        Key::boolean("embedded")
            .default_value(false)
            .importance(Importance::High)
            .doc("Whether to run a broker on bootstrap.servers and a schema registry on schema.registry.url in this process."),
        Key::string("embedded.data.dir")
            .default_value("./data")
            .non_empty()
            .doc("Directory of the embedded broker's and registry's data."),
    ]))
});

/// Keys of a distributed worker.
pub static DISTRIBUTED: LazyLock<ConfigDef> = LazyLock::new(|| {
    let topic = |name: &str, what: &str| {
        Key::string(name).non_empty().importance(Importance::High).doc(what)
    };
    WORKER.merged(&ConfigDef::new([
        topic("group.id", "Name of the group of workers."),
        topic("config.storage.topic", "Topic that holds connector configurations."),
        topic("offset.storage.topic", "Topic that holds source offsets."),
        topic("status.storage.topic", "Topic that holds states."),
        Key::short("config.storage.replication.factor").default_value(3i16).doc("Replicas."),
        Key::short("offset.storage.replication.factor").default_value(3i16).doc("Replicas."),
        Key::short("status.storage.replication.factor").default_value(3i16).doc("Replicas."),
        Key::int("offset.storage.partitions").default_value(25).doc("Partitions."),
        Key::int("status.storage.partitions").default_value(5).doc("Partitions."),
        Key::int("session.timeout.ms")
            .default_value(10_000)
            .at_least(1)
            .doc("Silence after which a worker counts as gone."),
        Key::int("rebalance.timeout.ms")
            .default_value(60_000)
            .at_least(1)
            .doc("Longest time for a worker to rejoin."),
        Key::int("heartbeat.interval.ms")
            .default_value(3_000)
            .at_least(1)
            .doc("Time between heartbeats."),
        Key::string("connect.protocol")
            .default_value("sessioned")
            .one_of(&["eager", "compatible", "sessioned"])
            .doc("Group protocol."),
        Key::int("scheduled.rebalance.max.delay.ms")
            .default_value(300_000)
            .at_least(0)
            .doc("How long a lost worker's tasks wait for it."),
        Key::string("exactly.once.source.support")
            .default_value("disabled")
            .one_of_ignore_case(&["disabled", "preparing", "enabled"])
            .doc("Exactly-once delivery of sources."),
    ]))
});

/// Prefixes of keys that are handed on: to clients, converters, providers, the embedded servers.
pub const PASSED_ON: &[&str] = &[
    "producer.",
    "consumer.",
    "admin.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "config.providers.",
    EMBEDDED_BROKER,
    EMBEDDED_REGISTRY,
];
/// Prefix of settings for the embedded broker.
pub const EMBEDDED_BROKER: &str = "embedded.broker.";
/// Prefix of settings for the embedded registry.
pub const EMBEDDED_REGISTRY: &str = "embedded.registry.";

/// Keys that are accepted because Kafka's files have them, and why nothing comes of them.
const NO_EFFECT: &[(&str, &str)] = &[
    ("plugin.path", "all plug-ins are built in"),
    ("plugin.discovery", "all plug-ins are built in"),
    ("metric.reporters", "there is no JMX"),
    ("metrics.num.samples", "rates are not sampled"),
    ("metrics.recording.level", "all metrics are always recorded"),
    ("metrics.sample.window.ms", "rates are not sampled"),
    ("auto.include.jmx.reporter", "there is no JMX"),
    ("client.dns.lookup", "all addresses of a name are always tried"),
];

/// Keys that would change who can reach the worker or how; refused rather than ignored.
const REFUSED: &[&str] = &[
    "rest.extension.classes",
    "response.http.headers.config",
    "access.control.allow.origin",
    "access.control.allow.methods",
    "admin.listeners",
];

fn cluster_keys() -> Vec<Key> {
    vec![
        Key::list("bootstrap.servers")
            .default_value("localhost:9092")
            .non_empty()
            .importance(Importance::High)
            .doc("Addresses of brokers to begin with, as host:port."),
        Key::string("schema.registry.url")
            .default_null()
            .importance(Importance::Medium)
            .doc("Schema registry of every converter that needs one and does not say which."),
        Key::long("offset.flush.interval.ms")
            .default_value(60_000i64)
            .at_least(1)
            .importance(Importance::Low)
            .doc("Time between commits of offsets."),
        Key::long("offset.flush.timeout.ms")
            .default_value(5_000i64)
            .at_least(0)
            .importance(Importance::Low)
            .doc("Longest wait for acknowledgements when a source task stops."),
        Key::long("task.shutdown.graceful.timeout.ms")
            .default_value(5_000i64)
            .at_least(0)
            .importance(Importance::Low)
            .doc("Time that all tasks together have to stop."),
        Key::boolean("topic.creation.enable")
            .default_value(true)
            .importance(Importance::Low)
            .doc("Whether source connectors may create topics by their topic.creation settings."),
        Key::boolean("topic.tracking.enable")
            .default_value(true)
            .importance(Importance::Low)
            .doc("Whether the topics that a connector uses are remembered."),
        Key::boolean("topic.tracking.allow.reset")
            .default_value(true)
            .importance(Importance::Low)
            .doc("Whether the remembered topics may be forgotten on request."),
        Key::string("connector.client.config.override.policy")
            .default_value("All")
            .importance(Importance::Medium)
            .doc("Which client settings a connector may override: All, None or Principal."),
        Key::list("config.providers")
            .default_value("")
            .importance(Importance::Low)
            .doc("Names of config providers."),
    ]
}

fn rest_keys() -> Vec<Key> {
    vec![
        Key::list("listeners")
            .default_value("http://localhost:8083")
            .importance(Importance::Low)
            .doc("Addresses of the REST API; a listener without a host is on loopback."),
        Key::string("rest.advertised.host.name")
            .default_null()
            .importance(Importance::Low)
            .doc("Host that others reach this worker by."),
        Key::int("rest.advertised.port")
            .default_null()
            .between(1, 65_535)
            .importance(Importance::Low)
            .doc("Port that others reach this worker by."),
        Key::string("rest.advertised.listener")
            .default_null()
            .one_of_ignore_case(&["http"])
            .importance(Importance::Low)
            .doc("Kind of listener that others reach this worker by."),
    ]
}

fn plugin_keys() -> Vec<Key> {
    vec![
        Key::class("key.converter")
            .importance(Importance::High)
            .doc("Converter of keys, for connectors that name none."),
        Key::class("value.converter")
            .importance(Importance::High)
            .doc("Converter of values, for connectors that name none."),
        Key::class("header.converter")
            .default_value("org.apache.kafka.connect.storage.SimpleHeaderConverter")
            .importance(Importance::Low)
            .doc("Converter of headers, for connectors that name none."),
    ]
}

fn no_effect_keys() -> Vec<Key> {
    let accepted = NO_EFFECT.iter().map(|(name, why)| (*name, format!("Without effect: {why}.")));
    let refused = REFUSED.iter().map(|name| (*name, "Not offered: refused when set.".to_owned()));
    accepted
        .chain(refused)
        .map(|(name, doc)| Key::string(name).default_null().importance(Importance::Low).doc(doc))
        .collect()
}

/// Why a worker's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkerConfigError {
    /// Values do not fit their definitions.
    #[error(transparent)]
    Values(#[from] config::ConfigErrors),
    /// A reference to a config provider cannot be resolved.
    #[error(transparent)]
    Provider(#[from] config::provider::ProviderError),
    /// A listener cannot be understood.
    #[error("invalid value for configuration listeners: {0}")]
    Listener(#[from] ListenerError),
    /// The override policy is unknown.
    #[error(
        "invalid value {0} for configuration connector.client.config.override.policy: expected All, None or Principal"
    )]
    OverridePolicy(String),
    /// A key asks for something that this worker does not do.
    #[error("configuration {key} is not offered by this worker; remove it")]
    Refused {
        /// The key.
        key: String,
    },
}

/// A class of converter, and the settings under its prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConverterSettings {
    /// Class name or alias.
    pub class: String,
    /// Settings, prefix removed.
    pub settings: BTreeMap<String, String>,
}

/// What the embedded servers are to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Directory of all their data.
    pub data_dir: PathBuf,
    /// Further settings of the broker.
    pub broker: BTreeMap<String, String>,
    /// Further settings of the registry.
    pub registry: BTreeMap<String, String>,
}

/// Settings that every Kafka client of this worker starts from.
#[derive(Debug, Clone, Default)]
pub struct ClientDefaults {
    /// From `producer.*`.
    pub producer: BTreeMap<String, String>,
    /// From `consumer.*`.
    pub consumer: BTreeMap<String, String>,
    /// From `admin.*`.
    pub admin: BTreeMap<String, String>,
}

/// When offsets are committed and how long a stop may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// `offset.flush.interval.ms`
    pub offset_flush_interval: Duration,
    /// `offset.flush.timeout.ms`
    pub offset_flush_timeout: Duration,
    /// `task.shutdown.graceful.timeout.ms`
    pub task_shutdown_timeout: Duration,
}

impl Timing {
    /// Longest wait for acknowledgements at a task's end: a part of the time that it has to stop,
    /// so that it is not given up before its offsets are stored.
    #[must_use]
    pub fn last_wait(&self) -> Duration {
        self.offset_flush_timeout.min(self.task_shutdown_timeout * 3 / 4)
    }

    /// Longest wait for leaving a consumer group at a task's end.
    #[must_use]
    pub fn last_close(&self) -> Duration {
        self.offset_flush_timeout.min(self.task_shutdown_timeout / 8)
    }
}

/// Whether the topics of connectors are remembered.
#[derive(Debug, Clone, Copy)]
pub struct TopicTracking {
    /// `topic.tracking.enable`
    pub enabled: bool,
    /// `topic.tracking.allow.reset`
    pub reset_allowed: bool,
}

/// A worker's settings, checked.
pub struct WorkerConfig {
    /// Addresses of brokers to begin with.
    pub bootstrap_servers: Vec<String>,
    /// Registry of converters that do not name one.
    pub schema_registry_url: Option<String>,
    /// Converter of keys.
    pub key_converter: ConverterSettings,
    /// Converter of values.
    pub value_converter: ConverterSettings,
    /// Converter of headers.
    pub header_converter: ConverterSettings,
    /// When offsets are committed.
    pub timing: Timing,
    /// Addresses of the REST API; not empty.
    pub listeners: Vec<Listener>,
    /// `host:port` that others reach this worker by, if it differs from the first listener's.
    pub advertised: (Option<String>, Option<u16>),
    /// Which client settings a connector may override.
    pub override_policy: OverridePolicy,
    /// Whether sources may create topics.
    pub topic_creation: bool,
    /// Whether topics are remembered.
    pub topic_tracking: TopicTracking,
    /// Settings of Kafka clients.
    pub clients: ClientDefaults,
    /// Resolves references in the settings of connectors.
    pub providers: Providers,
    /// `offset.storage.file.filename`; standalone only.
    pub offsets_file: PathBuf,
    /// Present when `embedded=true`.
    pub embedded: Option<EmbeddedSettings>,
}

impl WorkerConfig {
    /// Checks the settings of a standalone worker; the second part is what to warn of.
    ///
    /// # Errors
    ///
    /// [`WorkerConfigError`]: everything that is wrong with single values at once, or the first
    /// other problem.
    pub fn standalone(properties: &Properties) -> Result<(Self, Vec<String>), WorkerConfigError> {
        let raw = properties.to_map();
        let providers = Providers::from_worker(&raw)?;
        let settings = providers.resolve(&raw)?;
        let parsed = STANDALONE.parse(&settings)?;
        refuse_unoffered(&parsed)?;
        let warnings = warnings(&STANDALONE, properties, &parsed);
        Ok((Self::from_parsed(&parsed, providers)?, warnings))
    }

    fn from_parsed(parsed: &Config, providers: Providers) -> Result<Self, WorkerConfigError> {
        let ms = |key| Duration::from_millis(u64::try_from(parsed.long(key)).unwrap_or(0));
        let policy = parsed.string("connector.client.config.override.policy");
        let port = parsed
            .is_given("rest.advertised.port")
            .then(|| u16::try_from(parsed.int("rest.advertised.port")).unwrap_or(0));
        Ok(Self {
            bootstrap_servers: parsed.list("bootstrap.servers").to_vec(),
            schema_registry_url: parsed.optional_string("schema.registry.url").map(str::to_owned),
            key_converter: converter(parsed, "key.converter"),
            value_converter: converter(parsed, "value.converter"),
            header_converter: converter(parsed, "header.converter"),
            timing: Timing {
                offset_flush_interval: ms("offset.flush.interval.ms"),
                offset_flush_timeout: ms("offset.flush.timeout.ms"),
                task_shutdown_timeout: ms("task.shutdown.graceful.timeout.ms"),
            },
            listeners: Listener::parse_all(parsed.list("listeners"))?,
            advertised: (
                parsed.optional_string("rest.advertised.host.name").map(str::to_owned),
                port,
            ),
            override_policy: OverridePolicy::parse(policy)
                .ok_or_else(|| WorkerConfigError::OverridePolicy(policy.to_owned()))?,
            topic_creation: parsed.boolean("topic.creation.enable"),
            topic_tracking: TopicTracking {
                enabled: parsed.boolean("topic.tracking.enable"),
                reset_allowed: parsed.boolean("topic.tracking.allow.reset"),
            },
            clients: ClientDefaults {
                producer: parsed.originals_with_prefix("producer."),
                consumer: parsed.originals_with_prefix("consumer."),
                admin: parsed.originals_with_prefix("admin."),
            },
            providers,
            offsets_file: PathBuf::from(parsed.string("offset.storage.file.filename")),
            embedded: parsed.boolean("embedded").then(|| EmbeddedSettings {
                data_dir: PathBuf::from(parsed.string("embedded.data.dir")),
                broker: parsed.originals_with_prefix(EMBEDDED_BROKER),
                registry: parsed.originals_with_prefix(EMBEDDED_REGISTRY),
            }),
        })
    }
}

/// Checks the settings of a distributed worker; returns what to warn of.
///
/// # Errors
///
/// As [`WorkerConfig::standalone`].
pub fn check_distributed(properties: &Properties) -> Result<Vec<String>, WorkerConfigError> {
    let raw = properties.to_map();
    let settings = Providers::from_worker(&raw)?.resolve(&raw)?;
    let parsed = DISTRIBUTED.parse(&settings)?;
    refuse_unoffered(&parsed)?;
    Listener::parse_all(parsed.list("listeners"))?;
    Ok(warnings(&DISTRIBUTED, properties, &parsed))
}

fn converter(parsed: &Config, key: &str) -> ConverterSettings {
    ConverterSettings {
        class: parsed.string(key).to_owned(),
        settings: parsed.originals_with_prefix(&format!("{key}.")),
    }
}

fn refuse_unoffered(parsed: &Config) -> Result<(), WorkerConfigError> {
    let set = |key: &&&str| parsed.optional_string(key).is_some_and(|value| !value.is_empty());
    match REFUSED.iter().find(set) {
        Some(key) => Err(WorkerConfigError::Refused { key: (*key).to_owned() }),
        None => Ok(()),
    }
}

fn warnings(definition: &ConfigDef, properties: &Properties, parsed: &Config) -> Vec<String> {
    let mut found: Vec<String> = properties.duplicates().iter().map(ToString::to_string).collect();
    let unknown = definition.unknown_keys(properties, PASSED_ON);
    found.extend(unknown.iter().map(ToString::to_string));
    for (key, why) in NO_EFFECT {
        if parsed.is_given(key) {
            found.push(format!("configuration {key} has no effect: {why}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "\
        key.converter=org.apache.kafka.connect.storage.StringConverter\n\
        value.converter=org.apache.kafka.connect.json.JsonConverter\n\
        value.converter.schemas.enable=false\n\
        offset.storage.file.filename=/tmp/connect.offsets\n";

    fn standalone(more: &str) -> Result<(WorkerConfig, Vec<String>), WorkerConfigError> {
        WorkerConfig::standalone(&Properties::parse(format!("{MINIMAL}{more}").as_bytes()).unwrap())
    }

    #[test]
    fn minimal_file_has_kafkas_defaults() {
        let (config, warnings) = standalone("").unwrap();
        assert_eq!(config.bootstrap_servers, ["localhost:9092"]);
        assert_eq!(config.timing.offset_flush_interval, Duration::from_secs(60));
        assert_eq!(config.value_converter.settings["schemas.enable"], "false");
        assert!(config.embedded.is_none());
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn misspelt_key_is_warned_of_with_line_and_nearest() {
        let (_, warnings) = standalone("offset.flush.intervall.ms=5\n").unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("line 5"), "{}", warnings[0]);
        assert!(warnings[0].contains("offset.flush.interval.ms"), "{}", warnings[0]);
    }

    #[test]
    fn key_without_effect_says_so() {
        let (_, warnings) = standalone("plugin.path=/usr/share/java\n").unwrap();
        assert_eq!(
            warnings,
            ["configuration plugin.path has no effect: all plug-ins are built in"]
        );
    }

    #[track_caller]
    fn check_refused(more: &str, expected: &str) {
        let error = standalone(more).err().expect("the file is refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        check_refused("offset.flush.interval.ms=soon\n", "offset.flush.interval.ms");
        check_refused("listeners=https://localhost:8443\n", "https");
        check_refused("rest.extension.classes=a.B\n", "rest.extension.classes");
        check_refused("connector.client.config.override.policy=Some\n", "expected All, None");
    }

    #[test]
    fn missing_keys_are_named_all_at_once() {
        let error = WorkerConfig::standalone(&Properties::parse(b"a=b").unwrap())
            .err()
            .unwrap()
            .to_string();
        for key in ["key.converter", "value.converter", "offset.storage.file.filename"] {
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn distributed_file_needs_its_topics() {
        let error =
            check_distributed(&Properties::parse(MINIMAL.as_bytes()).unwrap()).err().unwrap();
        assert!(error.to_string().contains("group.id"), "{error}");
    }
}
