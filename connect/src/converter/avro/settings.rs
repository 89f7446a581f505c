//! Settings of the Avro converter, and the subjects under which it keeps schemas.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use config::{Config, ConfigDef, Importance, Key};
use connect_api::{ConnectError, Result, Side};
use schema_registry_client::RegistryClientSettings;

use super::encode_plan::Surplus;
use super::http_registry::REFUSAL_TTL;
use super::names::Mapping;

/// Settings of other implementations that are not supported: whole names, or prefixes that end
/// with a dot. They are refused, because ignoring one would change what is written or read.
const UNSUPPORTED: &[&str] = &[
    "context.name.strategy",
    "use.latest.with.metadata",
    "schema.format",
    "schema.registry.ssl.",
    "proxy.host",
    "proxy.port",
    "request.header.",
    "rule.",
    "bearer.auth.issuer.",
    "bearer.auth.client.",
    "bearer.auth.scope",
    "bearer.auth.logical.",
    "bearer.auth.identity.",
    "bearer.auth.custom.",
];

const TOPIC_NAME: &str = "io.confluent.kafka.serializers.subject.TopicNameStrategy";

const PREFIX_ID: &str = "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdSerializer";
const DUAL_ID: &str = "io.confluent.kafka.serializers.schema.id.DualSchemaIdDeserializer";

/// A switch that is off unless set.
fn switch(name: &str, doc: &str) -> Key {
    Key::boolean(name).default_value(false).importance(Importance::Low).group("Mapping", 0).doc(doc)
}

fn strategy(name: &str, half: &str) -> Key {
    Key::class(name)
        .default_value(TOPIC_NAME)
        .importance(Importance::Medium)
        .group("Registry", 5)
        .validator(Arc::new(|_, value| match value.as_str().and_then(SubjectStrategy::named) {
            Some(_) => Ok(()),
            None => Err("expected TopicNameStrategy, RecordNameStrategy or \
                         TopicRecordNameStrategy of io.confluent.kafka.serializers.subject"
                .into()),
        }))
        .doc(format!("How the subject of a {half}'s schema is made."))
}

/// How the schema's id goes into a record and comes out of it: one way each.
fn id_form(name: &str, class: &str, doc: &str) -> Key {
    Key::class(name)
        .default_value(class)
        .one_of(&[class])
        .importance(Importance::Low)
        .group("Registry", 12)
        .doc(doc)
}

/// Settings of the Avro converter.
pub static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([
        Key::list("schema.registry.url")
            .required()
            .non_empty()
            .importance(Importance::High)
            .group("Registry", 0)
            .doc("Addresses of the schema registry; the next is tried when one is away."),
        Key::boolean("auto.register.schemas")
            .default_value(true)
            .importance(Importance::Medium)
            .group("Registry", 1)
            .doc("Whether schemas that the registry does not have are registered."),
        Key::boolean("use.latest.version")
            .default_value(false)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc(
                "Whether data are written by the latest schema of the subject; only without \
                 auto.register.schemas.",
            ),
        Key::boolean("latest.compatibility.strict")
            .default_value(true)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc(
                "Whether the latest schema must have every field of the data; otherwise fields \
                 that it lacks are left out.",
            ),
        Key::int("latest.cache.size")
            .default_value(1000)
            .at_least(0)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc("Of how many subjects the latest schema is remembered."),
        Key::int("latest.cache.ttl.sec")
            .default_value(-1)
            .at_least(-1)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc("How long the latest schema is remembered; for ever when -1."),
        Key::int("use.schema.id")
            .default_value(-1)
            .at_least(-1)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc(
                "Id of the schema that data are written by; only without auto.register.schemas, \
                 none when -1.",
            ),
        Key::boolean("id.compatibility.strict")
            .default_value(true)
            .importance(Importance::Low)
            .group("Registry", 2)
            .doc("As latest.compatibility.strict, for the schema of use.schema.id."),
        Key::boolean("normalize.schemas")
            .default_value(false)
            .importance(Importance::Medium)
            .group("Registry", 3)
            .doc("Whether the registry takes schemas in their normalised form."),
        Key::int("schemas.cache.config")
            .default_value(1000)
            .at_least(1)
            .importance(Importance::Low)
            .group("Registry", 4)
            .doc("Most schemas that are kept in converted form, in each direction."),
        Key::int("max.schemas.per.subject")
            .default_value(1000)
            .at_least(1)
            .importance(Importance::Low)
            .group("Registry", 4)
            .doc("Most schemas, and most registrations, that the registry's client remembers."),
        Key::int("http.connect.timeout.ms")
            .default_value(10_000)
            .at_least(1)
            .importance(Importance::Low)
            .group("Registry", 4)
            .doc("How long to wait for a connection to the registry."),
        Key::int("http.read.timeout.ms")
            .default_value(30_000)
            .at_least(1)
            .importance(Importance::Low)
            .group("Registry", 4)
            .doc("How long to wait for one answer of the registry."),
        strategy("key.subject.name.strategy", "key"),
        strategy("value.subject.name.strategy", "value"),
        Key::string("basic.auth.credentials.source")
            .default_value("URL")
            .one_of(&["URL", "USER_INFO"])
            .importance(Importance::Medium)
            .group("Registry", 6)
            .doc("Where the name and password come from: the address, or basic.auth.user.info."),
        Key::password("basic.auth.user.info")
            .default_null()
            .importance(Importance::Medium)
            .group("Registry", 7)
            .doc("Name and password for the registry, with a colon between."),
        Key::string("bearer.auth.credentials.source")
            .default_value("STATIC_TOKEN")
            .one_of(&["STATIC_TOKEN"])
            .importance(Importance::Medium)
            .group("Registry", 8)
            .doc("Where the bearer token comes from: bearer.auth.token."),
        Key::password("bearer.auth.token")
            .default_null()
            .importance(Importance::Medium)
            .group("Registry", 9)
            .doc("Bearer token for the registry."),
        id_form(
            "key.schema.id.serializer",
            PREFIX_ID,
            "How the id of a key's schema is written: before the key.",
        ),
        id_form(
            "value.schema.id.serializer",
            PREFIX_ID,
            "How the id of a value's schema is written: before the value.",
        ),
        id_form(
            "key.schema.id.deserializer",
            DUAL_ID,
            "How a key's schema is found: by the header __key_schema_id, or by the prefix.",
        ),
        id_form(
            "value.schema.id.deserializer",
            DUAL_ID,
            "How a value's schema is found: by the header __value_schema_id, or by the prefix.",
        ),
        switch(
            "enhanced.avro.schema.support",
            "Whether enums and the namespaces of union branches are kept.",
        ),
        Key::boolean("connect.meta.data")
            .default_value(true)
            .importance(Importance::Low)
            .group("Mapping", 0)
            .doc("Whether Avro schemas carry name, version, doc, default and parameters."),
        switch("scrub.invalid.names", "Whether names that Avro does not take are changed."),
        switch(
            "discard.type.doc.default",
            "Whether the docs and defaults of Avro types are left out of Connect's parameters.",
        ),
        switch("allow.optional.map.keys", "Whether maps with optional text keys become Avro maps."),
        Key::boolean("flatten.singleton.unions")
            .default_value(true)
            .importance(Importance::Low)
            .group("Mapping", 0)
            .doc("Whether a union of one type is that type."),
        switch(
            "generalized.sum.type.support",
            "Whether enums and unions take the form that all registry converters share.",
        ),
        switch(
            "ignore.default.for.nullables",
            "Whether null stays null in an optional field that has a default.",
        ),
    ])
});

/// How the subject of a schema is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectStrategy {
    /// `<topic>-key` or `<topic>-value`
    TopicName,
    /// The record's full name.
    RecordName,
    /// `<topic>-<the record's full name>`
    TopicRecordName,
}

impl SubjectStrategy {
    fn named(class: &str) -> Option<Self> {
        let (package, name) = class.rsplit_once('.').unwrap_or(("", class));
        match name {
            _ if !matches!(package, "" | "io.confluent.kafka.serializers.subject") => None,
            "TopicNameStrategy" => Some(Self::TopicName),
            "RecordNameStrategy" => Some(Self::RecordName),
            "TopicRecordNameStrategy" => Some(Self::TopicRecordName),
            _ => None,
        }
    }

    /// Returns the subject for a schema, whose name is given if it is a record.
    ///
    /// # Errors
    ///
    /// Data: the subject needs the name of a record, and the schema is none.
    pub fn subject(self, topic: &str, side: Side, record: Option<&str>) -> Result<String> {
        let half = match side {
            Side::Key => "key",
            Side::Value => "value",
        };
        let record = || {
            record.ok_or_else(|| {
                ConnectError::data(format!(
                    "In configuration {half}.subject.name.strategy = {self:?}Strategy, the \
                     message {half} must only be a record schema"
                ))
            })
        };
        Ok(match self {
            Self::TopicName => format!("{topic}-{half}"),
            Self::RecordName => record()?.to_owned(),
            Self::TopicRecordName => format!("{topic}-{}", record()?),
        })
    }
}

/// Where the schema that data are written by comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriterSchema {
    /// The value's own, registered if need be.
    Register,
    /// The value's own, which the registry must have.
    Find,
    /// The latest of the subject.
    Latest(Surplus),
    /// The one of an id.
    Id(i32, Surplus),
}

/// The settings, parsed.
#[derive(Debug)]
pub(super) struct Settings {
    pub client: RegistryClientSettings,
    pub writer: WriterSchema,
    /// How long a schema that was found by the latest version is used; for ever when none.
    pub latest_ttl: Option<Duration>,
    pub normalize: bool,
    pub cache_size: usize,
    pub strategy: SubjectStrategy,
    pub side: Side,
    pub mapping: Mapping,
}

impl Settings {
    /// Reads the settings of one side.
    pub(super) fn parse(given: &BTreeMap<String, String>, side: Side) -> Result<Self> {
        let config = CONFIG
            .parse(given)
            .map_err(|errors| ConnectError::fatal(errors.to_string()).because(errors))?;
        refuse_unsupported(given)?;
        let strategy = match side {
            Side::Key => config.string("key.subject.name.strategy"),
            Side::Value => config.string("value.subject.name.strategy"),
        };
        let client = client_settings(&config)?;
        Ok(Self {
            latest_ttl: client.latest_cache_ttl,
            client,
            writer: writer_schema(&config),
            normalize: config.boolean("normalize.schemas"),
            cache_size: usize::try_from(config.int("schemas.cache.config")).unwrap_or(1),
            strategy: SubjectStrategy::named(strategy).unwrap_or(SubjectStrategy::TopicName),
            side,
            mapping: Mapping {
                enhanced: config.boolean("enhanced.avro.schema.support"),
                connect_meta: config.boolean("connect.meta.data"),
                scrub: config.boolean("scrub.invalid.names"),
                discard_type_doc_default: config.boolean("discard.type.doc.default"),
                generalized: config.boolean("generalized.sum.type.support"),
                flatten_singletons: config.boolean("flatten.singleton.unions"),
                ignore_default_for_nullables: config.boolean("ignore.default.for.nullables"),
                optional_map_keys: config.boolean("allow.optional.map.keys"),
            },
        })
    }
}

fn refuse_unsupported(given: &BTreeMap<String, String>) -> Result<()> {
    let unsupported = |key: &str| {
        UNSUPPORTED
            .iter()
            .any(|name| if name.ends_with('.') { key.starts_with(name) } else { key == *name })
    };
    match given.iter().find(|(key, value)| !value.is_empty() && unsupported(key)) {
        Some((key, _)) => Err(ConnectError::config(
            key.as_str(),
            config::HIDDEN,
            "this setting is not supported by the Avro converter",
        )),
        None => Ok(()),
    }
}

fn writer_schema(config: &Config) -> WriterSchema {
    let surplus = |strict| {
        if config.boolean(strict) { Surplus::Refused } else { Surplus::LeftOut }
    };
    let id = config.int("use.schema.id");
    let latest = config.boolean("use.latest.version");
    if config.boolean("auto.register.schemas") {
        if id >= 0 || latest {
            tracing::warn!(
                "use.schema.id and use.latest.version have no effect while \
                 auto.register.schemas is true"
            );
        }
        WriterSchema::Register
    } else if id >= 0 {
        WriterSchema::Id(id, surplus("id.compatibility.strict"))
    } else if latest {
        WriterSchema::Latest(surplus("latest.compatibility.strict"))
    } else {
        WriterSchema::Find
    }
}

fn client_settings(config: &Config) -> Result<RegistryClientSettings> {
    let user_info = config.password("basic.auth.user.info");
    let from_setting = config.string("basic.auth.credentials.source") == "USER_INFO";
    if from_setting && user_info.is_none() {
        let expected = "basic.auth.credentials.source is USER_INFO";
        return Err(ConnectError::config("basic.auth.user.info", "null", expected));
    }
    let user_info = user_info.filter(|_| from_setting);
    let token = config.password("bearer.auth.token");
    if user_info.is_some() && token.is_some() {
        let expected = "either it or basic.auth.user.info may be given";
        return Err(ConnectError::config("bearer.auth.token", config::HIDDEN, expected));
    }
    let count = |key| usize::try_from(config.int(key)).unwrap_or(0);
    let ms = |key| Duration::from_millis(u64::try_from(config.int(key)).unwrap_or(0));
    let mut client = RegistryClientSettings::new(config.list("schema.registry.url").to_vec());
    client.user_info = user_info.cloned();
    client.bearer_token = token.cloned();
    client.connect_timeout = ms("http.connect.timeout.ms");
    client.request_timeout = ms("http.read.timeout.ms");
    client.cache_size = count("max.schemas.per.subject");
    client.latest_cache_size = count("latest.cache.size");
    // The converter keeps what it made of the schema as long again, so each has half.
    let ttl = u64::try_from(config.int("latest.cache.ttl.sec")).ok();
    client.latest_cache_ttl = ttl.map(|seconds| Duration::from_secs(seconds) / 2);
    client.refusal_ttl = REFUSAL_TTL;
    Ok(client)
}
