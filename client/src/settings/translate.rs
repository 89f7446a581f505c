//! From the Java clients' settings to librdkafka's.
//!
//! Every key ends in one of four ways: translated, kept for the caller, refused with its name
//! and what was expected, or named in a [`Warning`]. Values of secrets appear in none of them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::keys::{self, Known, Rule};
use super::security;
use crate::native::{Conf, ConfError};

/// What a client is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sends records.
    Producer,
    /// Reads records.
    Consumer,
    /// Creates, deletes and describes topics.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Admin => "admin client",
        })
    }
}

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A value is not one of those the key takes.
    #[error("invalid value {value} for {key}: {expected}")]
    Invalid {
        /// The key, by its Java name.
        key: String,
        /// The value, or `[hidden]`.
        value: String,
        /// What the key takes.
        expected: String,
    },
    /// A key that must be there is not.
    #[error("{key} is required")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// The value is right for a Java client, and not possible here.
    #[error("{key}={value} is not supported: {advice}")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// The value, or `[hidden]`.
        value: String,
        /// What to do instead.
        advice: &'static str,
    },
}

/// A key without effect, or with less than it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The key as it was given.
    pub key: String,
    /// One sentence without the key's value.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Settings of one client, checked, in librdkafka's names.
#[derive(Clone)]
pub struct ClientSettings {
    role: Role,
    native: BTreeMap<String, String>,
    warnings: Vec<Warning>,
    max_poll_records: usize,
    max_block: Duration,
}

impl ClientSettings {
    /// Translates the settings of a Java client of that role.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] by the first key, in alphabetical order, that is missing or refused.
    pub fn from_properties(
        role: Role,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let mut translation = Translation::new(role, properties);
        for (key, value) in properties {
            translation.take(key, value)?;
        }
        translation.finish()
    }

    /// What the settings are for.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Keys without effect, or with less than they promise, in alphabetical order.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// `max.poll.records`, 500 by default: how many records one poll should ask for.
    #[must_use]
    pub const fn max_poll_records(&self) -> usize {
        self.max_poll_records
    }

    /// `max.block.ms`, a minute by default: how long a send may wait for room.
    #[must_use]
    pub const fn max_block(&self) -> Duration {
        self.max_block
    }

    /// Whether `group.id` is set.
    #[must_use]
    pub fn has_group(&self) -> bool {
        self.native.contains_key("group.id")
    }

    /// A value by librdkafka's name; not for secrets.
    pub(crate) fn native(&self, name: &str) -> Option<&str> {
        self.native.get(name).map(String::as_str)
    }

    /// Writes everything into a configuration of librdkafka.
    pub(crate) fn conf(&self) -> Result<Conf, crate::StartError> {
        let mut conf = Conf::new();
        for (name, value) in &self.native {
            conf.set(name, value).map_err(|error| crate::StartError::Refused {
                reason: match error {
                    ConfError::Unknown => format!("no such setting: {name}"),
                    ConfError::Invalid(_) if is_secret(name) => format!("invalid {name}"),
                    ConfError::Invalid(reason) => reason,
                },
            })?;
        }
        Ok(conf)
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: BTreeMap<&str, &str> =
            self.native.iter().map(|(k, v)| (k.as_str(), shown(k, v))).collect();
        f.debug_struct("ClientSettings")
            .field("role", &self.role)
            .field("native", &shown)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Whether the value of a key must not be seen.
pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "secret", "jaas", "key.pem", "keystore.key", "credential", "token"]
        .iter()
        .any(|word| key.contains(word))
}

/// A value as it may be seen.
pub(super) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { "[hidden]" } else { value }
}

/// A translation under way.
pub(super) struct Translation<'a> {
    role: Role,
    pub(super) properties: &'a BTreeMap<String, String>,
    native: BTreeMap<String, String>,
    warnings: Vec<Warning>,
    max_poll_records: usize,
    max_block: Duration,
}

impl<'a> Translation<'a> {
    fn new(role: Role, properties: &'a BTreeMap<String, String>) -> Self {
        let native = keys::defaults(role)
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            role,
            properties,
            native,
            warnings: Vec::new(),
            max_poll_records: 500,
            max_block: Duration::from_secs(60),
        }
    }

    /// A property that is there and not blank.
    pub(super) fn property(&self, key: &str) -> Option<&'a str> {
        self.properties.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Sets a librdkafka setting after librdkafka has checked it.
    pub(super) fn set(
        &mut self,
        key: &str,
        native: &str,
        value: &str,
    ) -> Result<(), SettingsError> {
        match Conf::new().set(native, value) {
            Ok(()) => {
                self.native.insert(native.to_owned(), value.to_owned());
                Ok(())
            }
            Err(ConfError::Unknown) => Err(invalid(key, value, "not built into this program")),
            Err(ConfError::Invalid(_)) if is_secret(key) => Err(invalid(key, value, "unreadable")),
            Err(ConfError::Invalid(reason)) => Err(invalid(key, value, &reason)),
        }
    }

    pub(super) fn warn(&mut self, key: &str, text: impl Into<String>) {
        self.warnings.push(Warning { key: key.to_owned(), text: text.into() });
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        let value = value.trim();
        let Some(Known { roles, rule, name }) = keys::find(key) else {
            self.warn_unknown(key);
            return Ok(());
        };
        if !roles.contains(&self.role) {
            self.warn(key, format!("has no meaning for a {}", self.role));
            return Ok(());
        }
        match *rule {
            Rule::Same | Rule::Native => self.set(key, name, value),
            Rule::Bounded(native, least, most) => self.bounded(key, value, (native, least, most)),
            Rule::Special => self.special(key, value),
            Rule::Ours => self.keep(key, value),
            Rule::JavaOnly => {
                self.warn(key, "has a meaning only inside a Java process and is ignored");
                Ok(())
            }
        }
    }

    fn warn_unknown(&mut self, key: &str) {
        let names = keys::KEYS.iter().map(|known| known.name);
        let text = match config::nearest(key, names) {
            Some(nearest) => format!("is not known and is ignored; did you mean {nearest}?"),
            None => "is not known and is ignored".to_owned(),
        };
        self.warn(key, text);
    }

    fn bounded(
        &mut self,
        key: &str,
        value: &str,
        (native, least, most): (&str, i64, i64),
    ) -> Result<(), SettingsError> {
        let number = self.number(key, value)?;
        let bounded = number.clamp(least, most);
        // Java's "-1" means the system's default, and 0 the least there is: neither is news
        if bounded != number && number > 0 {
            self.warn(key, format!("{number} is beyond what is possible; {bounded} is used"));
        }
        self.set(key, native, &bounded.to_string())
    }

    pub(super) fn number(&self, key: &str, value: &str) -> Result<i64, SettingsError> {
        let number: i64 = value.parse().map_err(|_| invalid(key, value, "not a whole number"))?;
        if number < -1 {
            return Err(invalid(key, value, "at least -1"));
        }
        Ok(number)
    }

    fn keep(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        let number = u64::try_from(self.number(key, value)?)
            .map_err(|_| invalid(key, value, "at least 0"))?;
        if key == "max.block.ms" {
            self.max_block = Duration::from_millis(number);
        } else if number == 0 {
            return Err(invalid(key, value, "at least 1"));
        } else {
            self.max_poll_records = usize::try_from(number).unwrap_or(usize::MAX);
        }
        Ok(())
    }

    fn special(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        match key {
            "bootstrap.servers" => self.bootstrap(key, value),
            "client.dns.lookup" if value == "default" => Ok(()),
            "client.dns.lookup" => self.set(key, key, value),
            "metadata.max.age.ms" => {
                let age = self.number(key, value)?;
                let refresh = age.clamp(1, 3_600_000).to_string();
                self.set(key, "topic.metadata.refresh.interval.ms", &refresh)?;
                self.set(key, key, &age.clamp(1, 86_400_000).to_string())
            }
            "request.timeout.ms" => {
                if self.role == Role::Producer {
                    self.bounded(key, value, ("request.timeout.ms", 1, 900_000))?;
                }
                let timeout = self.number(key, value)?.clamp(10, 300_000).to_string();
                self.set(key, "socket.timeout.ms", &timeout)
            }
            "acks"
            | "buffer.memory"
            | "compression.type"
            | "compression.gzip.level"
            | "compression.lz4.level"
            | "compression.zstd.level"
            | "enable.idempotence"
            | "partitioner.class" => self.producer(key, value),
            "auto.offset.reset"
            | "enable.auto.commit"
            | "fetch.max.bytes"
            | "group.id"
            | "group.protocol"
            | "partition.assignment.strategy" => self.consumer(key, value),
            // the security keys depend on each other: all at once in `finish`
            _ => Ok(()),
        }
    }

    fn bootstrap(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        for server in value.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            let port = server.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none_or(|port| port == 0) {
                return Err(invalid(key, server, "host:port, several separated by commas"));
            }
        }
        self.set(key, key, value)
    }

    fn producer(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        match key {
            "acks" => match value {
                "all" | "-1" => self.set(key, key, "-1"),
                "0" | "1" => self.set(key, key, value),
                _ => Err(invalid(key, value, "one of all, -1, 0, 1")),
            },
            "buffer.memory" => {
                let kbytes = (self.number(key, value)?.max(0) / 1024).clamp(1, 2_147_483_647);
                self.set(key, "queue.buffering.max.kbytes", &kbytes.to_string())
            }
            "compression.type" => match value {
                "none" | "gzip" | "snappy" | "lz4" | "zstd" => self.set(key, key, value),
                _ => Err(invalid(key, value, "one of none, gzip, snappy, lz4, zstd")),
            },
            "partitioner.class" => self.partitioner(key, value),
            // only the level of the codec in use counts
            level if level.starts_with("compression.") => {
                let codec = self.property("compression.type").unwrap_or("none");
                if level.split('.').nth(1) == Some(codec) {
                    let number = value
                        .parse::<i64>()
                        .map_err(|_| invalid(key, value, "not a whole number"))?;
                    self.set(key, "compression.level", &number.clamp(-1, 12).to_string())
                } else {
                    Ok(())
                }
            }
            // idempotence: see `settle_idempotence`
            _ => Ok(()),
        }
    }

    fn partitioner(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        let class = value.rsplit('.').next().unwrap_or(value);
        match class {
            "" | "DefaultPartitioner" => Ok(()),
            "UniformStickyPartitioner" => self.set(key, "partitioner", "random"),
            "RoundRobinPartitioner" => {
                self.warn(key, "records without a key go to partitions at random, not in turn");
                self.set(key, "partitioner", "random")
            }
            _ => Err(SettingsError::Unsupported {
                key: "partitioner.class",
                value: value.to_owned(),
                advice: "a Java class cannot be loaded; leave the key out",
            }),
        }
    }

    fn consumer(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        match key {
            "auto.offset.reset" => match value {
                "earliest" | "latest" => self.set(key, key, value),
                "none" => self.set(key, key, "error"),
                _ => Err(invalid(key, value, "one of earliest, latest, none")),
            },
            "enable.auto.commit" => match value {
                "true" => self.set(key, key, value),
                "false" => {
                    self.native.insert("enable.auto.offset.store".to_owned(), value.to_owned());
                    self.set(key, key, value)
                }
                _ => Err(invalid(key, value, "one of true, false")),
            },
            "fetch.max.bytes" => {
                let bytes = self.number(key, value)?.clamp(1000, 2_147_483_135);
                self.set(key, key, &bytes.to_string())?;
                // librdkafka wants the response to fit with its overhead
                let response = (bytes + 512).max(100_000_000).to_string();
                self.set(key, "receive.message.max.bytes", &response)
            }
            "group.id" if value.is_empty() => Ok(()),
            "group.protocol" => self.set(key, key, &value.to_ascii_lowercase()),
            "partition.assignment.strategy" => self.assignors(key, value),
            _ => self.set(key, key, value),
        }
    }

    fn assignors(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        let mut names = Vec::new();
        for class in value.split(',').map(str::trim).filter(|class| !class.is_empty()) {
            let name = match class.rsplit('.').next().unwrap_or(class) {
                "RangeAssignor" | "range" => "range",
                "RoundRobinAssignor" | "roundrobin" => "roundrobin",
                "CooperativeStickyAssignor" | "cooperative-sticky" => "cooperative-sticky",
                "StickyAssignor" => {
                    self.warn(key, "StickyAssignor is replaced by RoundRobinAssignor");
                    "roundrobin"
                }
                _ => return Err(invalid(key, class, "an assignor that Kafka ships")),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > 1 && names.contains(&"cooperative-sticky") {
            self.warn(key, "eager and cooperative assignors do not mix; the first is used");
            names.truncate(1);
        }
        self.set(key, key, &names.join(","))
    }

    fn finish(mut self) -> Result<ClientSettings, SettingsError> {
        if self.property("bootstrap.servers").is_none() {
            return Err(SettingsError::Missing { key: "bootstrap.servers" });
        }
        security::translate(&mut self)?;
        match self.role {
            Role::Producer => self.settle_idempotence()?,
            Role::Consumer => self.settle_group(),
            Role::Admin => {}
        }
        let Self { role, native, mut warnings, max_poll_records, max_block, .. } = self;
        warnings.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(ClientSettings { role, native, warnings, max_poll_records, max_block })
    }

    /// Idempotence is on unless a setting contradicts it, as in Java since Kafka 3.0.
    fn settle_idempotence(&mut self) -> Result<(), SettingsError> {
        const KEY: &str = "enable.idempotence";
        const FLIGHT: &str = "max.in.flight.requests.per.connection";
        let in_flight = match self.property(FLIGHT) {
            Some(value) => self.number(FLIGHT, value)?,
            None => 5,
        };
        let fits = matches!(self.property("acks"), None | Some("all" | "-1"))
            && in_flight <= 5
            && self.property("retries") != Some("0");
        let wanted = match self.property(KEY) {
            None => fits,
            Some("true") if fits => true,
            Some("true") => {
                return Err(invalid(
                    KEY,
                    "true",
                    "acks=all, at least one retry and at most 5 requests in flight",
                ));
            }
            Some("false") => false,
            Some(other) => return Err(invalid(KEY, other, "one of true, false")),
        };
        self.set(KEY, KEY, if wanted { "true" } else { "false" })?;
        // librdkafka's own default is a million, which reorders on a retry
        self.set(FLIGHT, FLIGHT, &in_flight.clamp(1, 1_000_000).to_string())
    }

    fn settle_group(&mut self) {
        if !self.native.contains_key("group.id") {
            self.native.insert("enable.auto.commit".to_owned(), "false".to_owned());
            self.native.insert("enable.auto.offset.store".to_owned(), "false".to_owned());
        } else if self.native.get("group.protocol").is_some_and(|p| p == "consumer") {
            // the broker decides these with the new protocol, and librdkafka refuses them
            for name in
                ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"]
            {
                self.native.remove(name);
            }
        }
    }
}

/// A refused value; a secret's is hidden.
pub(super) fn invalid(key: &str, value: &str, expected: &str) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        value: shown(key, value).to_owned(),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(role: Role, pairs: &[(&str, &str)]) -> Result<ClientSettings, SettingsError> {
        let mut map: BTreeMap<String, String> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        map.entry("bootstrap.servers".to_owned()).or_insert("localhost:9092".to_owned());
        ClientSettings::from_properties(role, &map)
    }

    #[track_caller]
    fn check(role: Role, pairs: &[(&str, &str)], expected: &[(&str, &str)]) {
        let settings = translate(role, pairs).unwrap();
        for (name, value) in expected {
            assert_eq!(settings.native(name), Some(*value), "{name}");
        }
        settings.conf().unwrap();
    }

    #[test]
    fn java_names_and_units_become_librdkafkas() {
        check(
            Role::Producer,
            &[
                ("acks", "all"),
                ("buffer.memory", "1048576"),
                ("max.request.size", "2000000"),
                ("delivery.timeout.ms", "2147483647"),
                ("max.block.ms", "9223372036854775807"),
                ("request.timeout.ms", "2147483647"),
                ("linger.ms", "0"),
                ("compression.type", "zstd"),
                ("compression.zstd.level", "5"),
                ("compression.gzip.level", "9"),
            ],
            &[
                ("acks", "-1"),
                ("queue.buffering.max.kbytes", "1024"),
                ("message.max.bytes", "2000000"),
                ("delivery.timeout.ms", "2147483647"),
                ("socket.timeout.ms", "300000"),
                ("linger.ms", "0"),
                ("compression.type", "zstd"),
                ("compression.level", "5"),
                ("partitioner", "murmur2_random"),
                ("enable.idempotence", "true"),
            ],
        );
        check(
            Role::Consumer,
            &[
                ("group.id", "g"),
                ("auto.offset.reset", "none"),
                ("fetch.max.wait.ms", "20"),
                ("enable.auto.commit", "false"),
                (
                    "partition.assignment.strategy",
                    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
                ),
            ],
            &[
                ("auto.offset.reset", "error"),
                ("fetch.wait.max.ms", "20"),
                ("enable.auto.offset.store", "false"),
                ("isolation.level", "read_uncommitted"),
                ("partition.assignment.strategy", "cooperative-sticky"),
            ],
        );
    }

    #[test]
    fn idempotence_is_on_unless_a_setting_contradicts_it() {
        let expected = |value| [("enable.idempotence", value)];
        check(Role::Producer, &[], &expected("true"));
        check(Role::Producer, &[("acks", "1")], &expected("false"));
        check(Role::Producer, &[("retries", "0")], &expected("false"));
        check(
            Role::Producer,
            &[("max.in.flight.requests.per.connection", "6")],
            &expected("false"),
        );
        check(Role::Producer, &[("enable.idempotence", "false")], &expected("false"));
        let error = translate(Role::Producer, &[("enable.idempotence", "true"), ("acks", "1")]);
        assert!(error.unwrap_err().to_string().contains("enable.idempotence"));
    }

    #[test]
    fn a_bad_value_is_refused_with_its_key() {
        for (role, key, value) in [
            (Role::Producer, "linger.ms", "soon"),
            (Role::Producer, "acks", "2"),
            (Role::Producer, "compression.type", "brotli"),
            (Role::Consumer, "isolation.level", "dirty"),
            (Role::Consumer, "auto.offset.reset", "middle"),
            (Role::Consumer, "max.poll.records", "0"),
            (Role::Consumer, "partition.assignment.strategy", "com.acme.MyAssignor"),
            (Role::Admin, "bootstrap.servers", "localhost"),
            (Role::Admin, "bootstrap.servers", "localhost:99999"),
            (Role::Admin, "security.protocol", "TLS"),
        ] {
            let text = translate(role, &[(key, value)]).unwrap_err().to_string();
            assert!(text.contains(key) && text.contains(value), "{text}");
        }
        let missing = ClientSettings::from_properties(Role::Admin, &BTreeMap::new());
        assert_eq!(missing.unwrap_err(), SettingsError::Missing { key: "bootstrap.servers" });
    }

    #[test]
    fn no_key_is_ignored_in_silence() {
        let settings = translate(
            Role::Consumer,
            &[
                ("acks", "all"),
                ("key.deserializer", "x"),
                ("fetch.mim.bytes", "1"),
                ("zzzzzzzzzzzz", "1"),
                ("ssl.truststore.location", "/x.pem"),
            ],
        )
        .unwrap();
        let warnings: Vec<String> = settings.warnings().iter().map(Warning::to_string).collect();
        let expected = [
            "acks: has no meaning for a consumer",
            "fetch.mim.bytes: is not known and is ignored; did you mean fetch.min.bytes?",
            "key.deserializer: has a meaning only inside a Java process and is ignored",
            "ssl.truststore.location: has no effect with this security.protocol",
            "zzzzzzzzzzzz: is not known and is ignored",
        ];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn login_is_read_from_the_jaas_text_and_never_shown() {
        let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required \
                    username=\"alice\" password=\"hunter2\";";
        let pairs = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.jaas.config", jaas),
        ];
        let settings = translate(Role::Producer, &pairs).unwrap();
        assert_eq!(settings.native("sasl.username"), Some("alice"));
        assert_eq!(settings.native("sasl.password"), Some("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter2"));
        settings.conf().unwrap();

        let wrong = [pairs[0], ("sasl.mechanism", "PLAIN"), pairs[2]];
        let text = translate(Role::Producer, &wrong).unwrap_err().to_string();
        assert!(!text.contains("hunter2") && text.contains("PLAIN"), "{text}");
    }

    #[test]
    fn key_stores_of_java_alone_are_refused_with_advice() {
        let pairs = [("security.protocol", "SSL"), ("ssl.truststore.location", "/etc/trust.jks")];
        let text = translate(Role::Admin, &pairs).unwrap_err().to_string();
        assert!(text.contains("convert the trust store to PEM"), "{text}");
        let pairs = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "GSSAPI")];
        let text = translate(Role::Admin, &pairs).unwrap_err().to_string();
        assert!(text.contains("SCRAM-SHA-512"), "{text}");
    }
}
