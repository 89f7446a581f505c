//! Settings of the Avro converter, and the subjects under which it keeps schemas.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use config::{ConfigDef, Importance, Key, Password};
use connect_api::{ConnectError, Result, Side};

use super::names::Mapping;

const TOPIC_NAME: &str = "io.confluent.kafka.serializers.subject.TopicNameStrategy";

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
    Latest,
}

/// How to reach the registry.
#[derive(Debug, Clone)]
pub struct RegistryAccess {
    /// Addresses, in the order in which they are tried; at least one.
    pub urls: Vec<String>,
    /// Name and password with a colon between.
    pub user_info: Option<Password>,
}

/// The settings, parsed.
#[derive(Debug)]
pub(super) struct Settings {
    pub access: RegistryAccess,
    pub writer: WriterSchema,
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
        let user_info = config.password("basic.auth.user.info");
        let from_setting = config.string("basic.auth.credentials.source") == "USER_INFO";
        if from_setting && user_info.is_none() {
            return Err(ConnectError::config(
                "basic.auth.user.info",
                "null",
                "basic.auth.credentials.source is USER_INFO",
            ));
        }
        let strategy = match side {
            Side::Key => config.string("key.subject.name.strategy"),
            Side::Value => config.string("value.subject.name.strategy"),
        };
        let register = config.boolean("auto.register.schemas");
        let latest = config.boolean("use.latest.version");
        Ok(Self {
            access: RegistryAccess {
                urls: config.list("schema.registry.url").to_vec(),
                user_info: user_info.filter(|_| from_setting).cloned(),
            },
            writer: match (register, latest) {
                (true, _) => WriterSchema::Register,
                (false, true) => WriterSchema::Latest,
                (false, false) => WriterSchema::Find,
            },
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
