//! Settings of the registry: `schema-registry.properties`.
//!
//! Names and meaning are Confluent's. Where a default differs it is said at the key: listeners are
//! on loopback, and Kafka gets longer to answer. A key that asks for what this registry does not
//! do is refused; one that would change nothing is accepted and said to have no effect.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use client::{ClientSettings, Role, SettingsError};
use config::{Config, ConfigDef, ConfigErrors, Importance, Key, Properties};

use crate::compatibility::Level;
use crate::rest::listener::{Listener, ListenerError};

/// Prefixes of keys that are handed on to the Kafka clients.
const CLIENT_PREFIXES: &[&str] = &["kafkastore.ssl.", "kafkastore.sasl."];

/// Keys that are accepted because Confluent's files have them, and why nothing comes of them.
const NO_EFFECT: &[(&str, &str)] = &[
    ("debug", "errors are always told in full"),
    ("host.name", "this registry is the only one of its cluster so far"),
    ("schema.registry.group.id", "this registry is the only one of its cluster so far"),
    ("kafkastore.group.id", "the topic is read without a group"),
    ("kafkastore.write.max.retries", "the Kafka client retries by itself until the timeout"),
    ("metrics.jmx.prefix", "there is no JMX"),
];

/// Keys that would change who can reach the registry or how; refused rather than ignored.
const REFUSED: &[(&str, &str)] = &[
    ("kafkastore.connection.url", "ZooKeeper is not used: set kafkastore.bootstrap.servers"),
    ("resource.extension.class", "extensions of another program cannot be loaded"),
    ("schema.registry.resource.extension.class", "extensions of another program cannot be loaded"),
    ("authentication.roles", "authentication is not offered"),
    ("authentication.realm", "authentication is not offered"),
    ("confluent.schema.registry.auth.mechanism", "authentication is not offered"),
    ("access.control.allow.origin", "CORS is not offered"),
    ("access.control.allow.methods", "CORS is not offered"),
    ("ssl.keystore.location", "only http:// listeners are offered"),
    ("ssl.truststore.location", "only http:// listeners are offered"),
    ("ssl.client.authentication", "only http:// listeners are offered"),
];

static DEFINITIONS: LazyLock<ConfigDef> = LazyLock::new(|| {
    let mut keys = registry_keys();
    keys.extend(store_keys());
    keys.extend(NO_EFFECT.iter().map(|(name, why)| {
        Key::string(*name)
            .default_null()
            .importance(Importance::Low)
            .doc(format!("Accepted and without effect: {why}."))
    }));
    ConfigDef::new(keys)
});

/// Definitions of all settings.
#[must_use]
pub fn definitions() -> &'static ConfigDef {
    &DEFINITIONS
}

fn registry_keys() -> Vec<Key> {
    let levels: Vec<&str> = Level::ALL.into_iter().map(Level::name).collect();
    vec![
        Key::list("listeners")
            .default_value("http://localhost:8081")
            .importance(Importance::High)
            .doc("Addresses of the REST interface, such as http://0.0.0.0:8081. Without a host: this machine only."),
        Key::string("schema.compatibility.level")
            .default_value("backward")
            .one_of_ignore_case(&levels)
            .importance(Importance::High)
            .doc("How the schemas of a subject must relate when neither the subject nor the global settings say."),
        Key::string("avro.compatibility.level")
            .default_null()
            .one_of_ignore_case(&levels)
            .importance(Importance::Low)
            .doc("Older name of schema.compatibility.level, used when that is not given."),
        Key::boolean("mode.mutability")
            .default_value(true)
            .importance(Importance::Low)
            .doc("Whether modes may be changed over REST."),
        Key::boolean("leader.eligibility")
            .default_value(true)
            .doc("Whether this registry may write. The only registry of a cluster must."),
        Key::int("schema.search.default.limit")
            .default_value(1000)
            .at_least(1)
            .importance(Importance::Low)
            .doc("Schemas that GET /schemas returns when the caller sets no limit."),
        Key::int("schema.search.max.limit")
            .default_value(1000)
            .at_least(1)
            .importance(Importance::Low)
            .doc("Most schemas that GET /schemas returns."),
    ]
}

fn store_keys() -> Vec<Key> {
    vec![
        Key::list("kafkastore.bootstrap.servers")
            .non_empty()
            .importance(Importance::High)
            .doc("Brokers of the cluster that keeps the schemas: host:port or PROTOCOL://host:port."),
        Key::string("kafkastore.topic")
            .default_value("_schemas")
            .non_empty()
            .importance(Importance::High)
            .doc("Compacted topic of one partition that keeps the schemas; created when missing."),
        Key::int("kafkastore.topic.replication.factor")
            .default_value(3)
            .at_least(1)
            .importance(Importance::High)
            .doc("Replicas of the topic when it is created; fewer when there are fewer brokers."),
        Key::int("kafkastore.timeout.ms")
            .default_value(10_000)
            .between(100, 300_000)
            .doc("Longest time for Kafka to take a change, and for a request to wait for the store. Longer than Confluent's 500 ms, after which a change may have been made all the same."),
        Key::int("kafkastore.init.timeout.ms")
            .default_value(60_000)
            .at_least(0)
            .doc("Time after the start in which requests wait for Kafka; later they fail at once while it is away, and the log says ERROR."),
        Key::boolean("kafkastore.enable.idempotence")
            .default_value(true)
            .importance(Importance::Low)
            .doc("Whether Kafka drops a change that a broken connection repeats. It costs half a second before the first change; false is for a broker in the same process, whose connection does not break."),
        Key::string("kafkastore.security.protocol")
            .default_null()
            .importance(Importance::Low)
            .doc("How to talk to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. kafkastore.ssl.* and kafkastore.sasl.* go with it. When absent, the protocol of the first of kafkastore.bootstrap.servers."),
    ]
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Values that do not pass their definitions.
    #[error(transparent)]
    Values(#[from] ConfigErrors),
    /// A listener that cannot be understood.
    #[error("listeners: {0}")]
    Listener(ListenerError),
    /// A key that asks for what this registry does not do.
    #[error("{key} is set, and {why}: remove the key")]
    Refused {
        /// The key.
        key: String,
        /// Why it cannot be.
        why: &'static str,
    },
    /// The brokers are given with different protocols.
    #[error(
        "kafkastore.bootstrap.servers: {found} beside {first}; all brokers must be reached by one protocol"
    )]
    Protocols {
        /// The first protocol.
        first: String,
        /// Another one.
        found: String,
    },
    /// The only registry may not write.
    #[error(
        "leader.eligibility=false leaves nobody to write: this registry is the only one so far"
    )]
    NoLeader,
    /// What the Kafka client refuses.
    #[error("kafkastore: {0}")]
    Client(SettingsError),
}

/// Settings of the registry, checked.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// Addresses of the REST interface; at least one.
    pub listeners: Vec<Listener>,
    /// The brokers, as they are shown.
    pub bootstrap_servers: String,
    /// The topic.
    pub topic: String,
    /// Replicas of the topic when it is created.
    pub replication_factor: i32,
    /// Longest time for a change, and for a request to wait for the store.
    pub timeout: Duration,
    /// Time after the start in which requests wait for Kafka.
    pub init_timeout: Duration,
    /// The level when nothing else says.
    pub compatibility: Level,
    /// Whether modes may be changed.
    pub mode_mutability: bool,
    /// Schemas in one list by default, and at most.
    pub search_limits: (usize, usize),
    /// Settings of the client that reads.
    pub consumer: ClientSettings,
    /// Settings of the client that writes.
    pub producer: ClientSettings,
    /// Settings of the client that creates the topic.
    pub admin: ClientSettings,
    /// What to tell the user when the registry starts.
    pub warnings: Vec<String>,
}

impl RegistryConfig {
    /// Reads the settings of a file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: all wrong values at once, or the first other problem.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let unknown = definitions().unknown_keys(properties, CLIENT_PREFIXES);
        let mut config = Self::from_map(&properties.to_map())?;
        let mut warnings: Vec<String> = unknown.iter().map(ToString::to_string).collect();
        warnings.append(&mut config.warnings);
        Ok(Self { warnings, ..config })
    }

    /// Reads settings by key.
    ///
    /// # Errors
    ///
    /// As [`RegistryConfig::from_properties`].
    pub fn from_map(given: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        for (key, why) in REFUSED {
            if given.contains_key(*key) {
                return Err(ConfigError::Refused { key: (*key).to_owned(), why });
            }
        }
        let values = definitions().parse(given)?;
        if !values.boolean("leader.eligibility") {
            return Err(ConfigError::NoLeader);
        }
        let brokers = Brokers::new(&values)?;
        let clients = |role| client_settings(role, &brokers, &values).map_err(ConfigError::Client);
        let (consumer, producer, admin) =
            (clients(Role::Consumer)?, clients(Role::Producer)?, clients(Role::Admin)?);
        let mut warnings: Vec<String> = NO_EFFECT
            .iter()
            .filter(|(key, _)| values.is_given(key))
            .map(|(key, why)| format!("{key} has no effect: {why}"))
            .collect();
        warnings.extend(consumer.warnings().iter().map(|warning| format!("kafkastore.{warning}")));
        let limit = |key| usize::try_from(values.int(key)).unwrap_or(usize::MAX);
        Ok(Self {
            listeners: Listener::parse_all(values.list("listeners"))
                .map_err(ConfigError::Listener)?,
            bootstrap_servers: brokers.servers,
            topic: values.string("kafkastore.topic").to_owned(),
            replication_factor: values.int("kafkastore.topic.replication.factor"),
            timeout: millis(values.int("kafkastore.timeout.ms")),
            init_timeout: millis(values.int("kafkastore.init.timeout.ms")),
            compatibility: level(&values),
            mode_mutability: values.boolean("mode.mutability"),
            search_limits: (limit("schema.search.default.limit"), limit("schema.search.max.limit")),
            consumer,
            producer,
            admin,
            warnings,
        })
    }
}

fn level(values: &Config) -> Level {
    let name = match values.optional_string("avro.compatibility.level") {
        Some(old) if !values.is_given("schema.compatibility.level") => old,
        _ => values.string("schema.compatibility.level"),
    };
    name.parse().expect("the definition takes the names of levels alone")
}

fn millis(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

/// The brokers without their protocols, and the protocol.
struct Brokers {
    servers: String,
    protocol: Option<String>,
}

impl Brokers {
    fn new(values: &Config) -> Result<Self, ConfigError> {
        let mut servers = Vec::new();
        let mut protocol: Option<String> = None;
        for server in values.list("kafkastore.bootstrap.servers") {
            let Some((found, address)) = server.split_once("://") else {
                servers.push(server.as_str());
                continue;
            };
            servers.push(address);
            match &protocol {
                Some(first) if !first.eq_ignore_ascii_case(found) => {
                    let (first, found) = (first.clone(), found.to_owned());
                    return Err(ConfigError::Protocols { first, found });
                }
                Some(_) => {}
                None => protocol = Some(found.to_ascii_uppercase()),
            }
        }
        let given = values.optional_string("kafkastore.security.protocol");
        let protocol = given.map(str::to_owned).or(protocol);
        Ok(Self { servers: servers.join(","), protocol })
    }
}

/// Settings of a Kafka client: small queues, and no waiting for more where one record is all.
fn client_settings(
    role: Role,
    brokers: &Brokers,
    values: &Config,
) -> Result<ClientSettings, SettingsError> {
    let timeout = values.int("kafkastore.timeout.ms").to_string();
    let idempotent = values.boolean("kafkastore.enable.idempotence");
    // Without idempotence a change is never sent twice: its failure is told, and looked into.
    let (in_flight, retries) = if idempotent { ("5", "2147483647") } else { ("1", "0") };
    let own: &[(&str, &str)] = match role {
        Role::Producer => &[
            ("client.id", "schema-registry-writer"),
            ("acks", "all"),
            ("enable.idempotence", if idempotent { "true" } else { "false" }),
            ("max.in.flight.requests.per.connection", in_flight),
            ("retries", retries),
            ("linger.ms", "0"),
            ("delivery.timeout.ms", timeout.as_str()),
            ("queue.buffering.max.kbytes", "8192"),
        ],
        Role::Consumer => &[
            ("client.id", "schema-registry-reader"),
            ("auto.offset.reset", "earliest"),
            ("enable.auto.commit", "false"),
            ("allow.auto.create.topics", "false"),
            ("fetch.max.wait.ms", "500"),
            ("fetch.min.bytes", "1"),
            ("queued.min.messages", "1000"),
            ("queued.max.messages.kbytes", "4096"),
            ("fetch.error.backoff.ms", "20"),
        ],
        Role::Admin => &[("client.id", "schema-registry-admin")],
    };
    let mut settings: BTreeMap<String, String> =
        own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    settings.insert("bootstrap.servers".to_owned(), brokers.servers.clone());
    settings.insert("reconnect.backoff.ms".to_owned(), "20".to_owned());
    settings.insert("reconnect.backoff.max.ms".to_owned(), "1000".to_owned());
    settings.insert("topic.metadata.refresh.fast.interval.ms".to_owned(), "20".to_owned());
    if let Some(protocol) = &brokers.protocol {
        settings.insert("security.protocol".to_owned(), protocol.clone());
    }
    for (key, value) in values.originals_with_prefix("kafkastore.") {
        if key.starts_with("ssl.") || key.starts_with("sasl.") {
            settings.insert(key, value);
        }
    }
    ClientSettings::from_properties(role, &settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<RegistryConfig, ConfigError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        RegistryConfig::from_map(&pairs.collect())
    }

    const SERVERS: (&str, &str) = ("kafkastore.bootstrap.servers", "localhost:9092");

    #[track_caller]
    fn check_refused(pairs: &[(&str, &str)], expected: &str) {
        let error = parse(pairs).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }

    #[test]
    fn shipped_file_is_understood_without_a_warning() {
        let text = include_bytes!("../../config/schema-registry.properties");
        let config = RegistryConfig::from_properties(&Properties::parse(text).unwrap()).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
        assert_eq!(config.bootstrap_servers, "localhost:9092");
        assert_eq!(config.replication_factor, 1);
        assert_eq!(config.compatibility, Level::Backward);
        assert_eq!(config.listeners[0].to_string(), "http://localhost:8081");
    }

    #[test]
    fn brokers_may_carry_their_protocol() {
        let config = parse(&[("kafkastore.bootstrap.servers", "PLAINTEXT://a:1,PLAINTEXT://b:2")]);
        assert_eq!(config.unwrap().bootstrap_servers, "a:1,b:2");
        check_refused(
            &[("kafkastore.bootstrap.servers", "PLAINTEXT://a:1,SSL://b:2")],
            "SSL beside PLAINTEXT",
        );
        check_refused(&[("kafkastore.bootstrap.servers", "HTTP://a:1")], "security.protocol");
    }

    #[test]
    fn old_name_of_the_level_counts_when_the_new_is_absent() {
        let config = parse(&[SERVERS, ("avro.compatibility.level", "none")]).unwrap();
        assert_eq!(config.compatibility, Level::None);
        let both = [
            SERVERS,
            ("avro.compatibility.level", "none"),
            ("schema.compatibility.level", "FULL_TRANSITIVE"),
        ];
        assert_eq!(parse(&both).unwrap().compatibility, Level::FullTransitive);
    }

    #[test]
    fn wrong_settings_are_refused_by_their_names() {
        check_refused(&[], "kafkastore.bootstrap.servers");
        check_refused(&[SERVERS, ("schema.compatibility.level", "sideways")], "sideways");
        check_refused(&[SERVERS, ("listeners", "https://a:1")], "only http://");
        check_refused(&[SERVERS, ("kafkastore.connection.url", "z:2181")], "ZooKeeper");
        check_refused(&[SERVERS, ("leader.eligibility", "false")], "leader.eligibility");
        check_refused(&[SERVERS, ("kafkastore.timeout.ms", "soon")], "kafkastore.timeout.ms");
    }

    #[test]
    fn unknown_and_idle_keys_are_said() {
        let text = "kafkastore.bootstrap.servers=a:1\nkafkastore.topik=x\ndebug=true\n";
        let config =
            RegistryConfig::from_properties(&Properties::parse(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
        assert!(config.warnings[0].contains("did you mean \"kafkastore.topic\"?"));
        assert!(config.warnings[1].starts_with("debug has no effect"));
    }
}
