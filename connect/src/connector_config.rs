//! Settings that every connector has, whatever its class: names, defaults, groups and order are
//! Kafka Connect's, because forms are built from them (`/connector-plugins/…/config/validate`).

use std::sync::{Arc, LazyLock};

use config::{ConfigDef, ConfigValue, Importance, Key, Width};

/// Name of the connector.
pub const NAME: &str = "name";
/// Class or alias of the connector.
pub const CONNECTOR_CLASS: &str = "connector.class";
/// Most tasks.
pub const TASKS_MAX: &str = "tasks.max";
/// Topics of a sink.
pub const TOPICS: &str = "topics";
/// Pattern of a sink's topics.
pub const TOPICS_REGEX: &str = "topics.regex";
/// Topic for records that cannot be processed.
pub const DLQ_TOPIC: &str = "errors.deadletterqueue.topic.name";

const COMMON: &str = "Common";
const TRANSFORMS: &str = "Transforms";
const PREDICATES: &str = "Predicates";
const ERRORS: &str = "Error Handling";
const TOPIC_CREATION: &str = "Topic Creation";
const EXACTLY_ONCE: &str = "Exactly Once Support";
const OFFSETS_TOPIC: &str = "offsets.topic";

/// Keys of every source connector.
pub static SOURCE: LazyLock<ConfigDef> = LazyLock::new(|| {
    let mut keys = shared_keys();
    keys.extend(error_keys());
    keys.extend(source_keys());
    ConfigDef::new(keys)
});

/// Keys of every sink connector.
pub static SINK: LazyLock<ConfigDef> = LazyLock::new(|| {
    let mut keys = shared_keys();
    keys.extend(error_keys());
    keys.extend(sink_keys());
    ConfigDef::new(keys)
});

fn shared_keys() -> Vec<Key> {
    vec![
        Key::string(NAME)
            .validator(Arc::new(check_name))
            .importance(Importance::High)
            .group(COMMON, 1)
            .width(Width::Medium)
            .display_name("Connector name")
            .doc("Name of the connector, unique in the cluster."),
        Key::string(CONNECTOR_CLASS)
            .importance(Importance::High)
            .group(COMMON, 2)
            .width(Width::Long)
            .display_name("Connector class")
            .doc("Class of the connector, or its short name."),
        Key::int(TASKS_MAX)
            .default_value(1)
            .at_least(1)
            .importance(Importance::High)
            .group(COMMON, 3)
            .width(Width::Short)
            .display_name("Tasks max")
            .doc("Most tasks that the connector may have."),
        Key::boolean("tasks.max.enforce")
            .default_value(true)
            .importance(Importance::Low)
            .group(COMMON, 4)
            .width(Width::Short)
            .display_name("Enforce tasks max")
            .doc("Whether a connector that asks for more tasks than tasks.max fails."),
        converter_key("key.converter", "Key converter class", 5),
        converter_key("value.converter", "Value converter class", 6),
        converter_key("header.converter", "Header converter class", 7),
        Key::list("transforms")
            .default_value("")
            .importance(Importance::Low)
            .group(TRANSFORMS, 1)
            .width(Width::Long)
            .display_name("Transforms")
            .doc("Aliases of the transforms of each record, in order."),
        Key::list("predicates")
            .default_value("")
            .importance(Importance::Low)
            .group(PREDICATES, 1)
            .width(Width::Long)
            .display_name("Predicates")
            .doc("Aliases of the predicates that transforms may depend on."),
        Key::string("config.action.reload")
            .default_value("restart")
            .one_of_ignore_case(&["none", "restart"])
            .importance(Importance::Low)
            .group(COMMON, 8)
            .width(Width::Medium)
            .display_name("Reload Action")
            .doc("What to do when a config provider's value changes."),
    ]
}

fn converter_key(name: &str, title: &str, order: i32) -> Key {
    Key::class(name)
        .default_null()
        .importance(Importance::Low)
        .group(COMMON, order)
        .width(Width::Short)
        .display_name(title)
        .doc("Converter of this connector; the worker's when absent.")
}

fn error_keys() -> Vec<Key> {
    vec![
        Key::long("errors.retry.timeout")
            .default_value(0i64)
            .at_least(-1)
            .importance(Importance::Medium)
            .group(ERRORS, 1)
            .width(Width::Medium)
            .display_name("Retry Timeout for Errors")
            .doc("How long a failed operation is tried again, in ms; -1 for ever. When not set, only what waits for an outside system, such as a schema registry that is away, is tried again, for ever."),
        Key::long("errors.retry.delay.max.ms")
            .default_value(60_000i64)
            .at_least(1)
            .importance(Importance::Medium)
            .group(ERRORS, 2)
            .width(Width::Medium)
            .display_name("Maximum Delay Between Retries for Errors")
            .doc("Longest pause between two tries, in ms."),
        Key::string("errors.tolerance")
            .default_value("none")
            .one_of_ignore_case(&["none", "all"])
            .importance(Importance::Medium)
            .group(ERRORS, 3)
            .width(Width::Short)
            .display_name("Error Tolerance")
            .doc("none: a bad record fails its task. all: it is skipped."),
        Key::boolean("errors.log.enable")
            .default_value(false)
            .importance(Importance::Medium)
            .group(ERRORS, 4)
            .width(Width::Short)
            .display_name("Log Errors")
            .doc("Whether tolerated errors are logged."),
        Key::boolean("errors.log.include.messages")
            .default_value(false)
            .importance(Importance::Medium)
            .group(ERRORS, 5)
            .width(Width::Short)
            .display_name("Log Error Details")
            .doc("Whether the log says which record it was."),
    ]
}

fn source_keys() -> Vec<Key> {
    vec![
        Key::list("topic.creation.groups")
            .default_value("")
            .importance(Importance::Low)
            .group(TOPIC_CREATION, 1)
            .width(Width::Long)
            .display_name("Topic Creation Groups")
            .doc("Groups of topics with settings of their own, beside the group default."),
        Key::string("exactly.once.support")
            .default_value("requested")
            .one_of_ignore_case(&["requested", "required"])
            .importance(Importance::Medium)
            .group(EXACTLY_ONCE, 1)
            .width(Width::Short)
            .display_name("Exactly once support")
            .doc("required: refuse to run without exactly-once delivery."),
        Key::string("transaction.boundary")
            .default_value("poll")
            .one_of_ignore_case(&["poll", "interval", "connector"])
            .importance(Importance::Medium)
            .group(EXACTLY_ONCE, 2)
            .width(Width::Short)
            .display_name("Transaction Boundary")
            .doc("Where transactions end, with exactly-once delivery."),
        Key::long("transaction.boundary.interval.ms")
            .default_null()
            .at_least(0)
            .importance(Importance::Low)
            .group(EXACTLY_ONCE, 3)
            .width(Width::Short)
            .display_name("Transaction boundary interval")
            .doc("Length of a transaction when transaction.boundary is interval."),
        Key::string("offsets.storage.topic")
            .default_null()
            .importance(Importance::Low)
            .group(OFFSETS_TOPIC, 1)
            .width(Width::Long)
            .display_name("Offsets topic")
            .doc("Topic for the offsets of this connector alone."),
    ]
}

fn sink_keys() -> Vec<Key> {
    vec![
        Key::list(TOPICS)
            .default_value("")
            .importance(Importance::High)
            .group(COMMON, 4)
            .width(Width::Long)
            .display_name("Topics")
            .doc("Topics to read; either this or topics.regex."),
        Key::string(TOPICS_REGEX)
            .default_value("")
            .importance(Importance::High)
            .group(COMMON, 4)
            .width(Width::Long)
            .display_name("Topics regex")
            .doc("Pattern of the topics to read; either this or topics."),
        Key::string(DLQ_TOPIC)
            .default_value("")
            .importance(Importance::Medium)
            .group(ERRORS, 6)
            .width(Width::Medium)
            .display_name("Dead Letter Queue Topic Name")
            .doc("Topic for records that cannot be processed; none when empty."),
        Key::short("errors.deadletterqueue.topic.replication.factor")
            .default_value(3i16)
            .importance(Importance::Medium)
            .group(ERRORS, 7)
            .width(Width::Medium)
            .display_name("Dead Letter Queue Topic Replication Factor")
            .doc("Replicas of that topic when it is created."),
        Key::boolean("errors.deadletterqueue.context.headers.enable")
            .default_value(false)
            .importance(Importance::Medium)
            .group(ERRORS, 8)
            .width(Width::Medium)
            .display_name("Enable Error Context Headers")
            .doc("Whether headers say where and why the record failed."),
    ]
}

fn check_name(_key: &str, value: &ConfigValue) -> Result<(), String> {
    let name = value.as_str().unwrap_or_default();
    if name.is_empty() {
        return Err("String may not be empty".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err(
            "String may not contain control sequences but had a control character".to_owned()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(definition: &ConfigDef) -> Vec<&str> {
        definition.keys().map(|key| key.name.as_str()).collect()
    }

    #[test]
    fn source_has_exactly_kafkas_keys() {
        let expected = "name connector.class tasks.max tasks.max.enforce key.converter \
            value.converter header.converter transforms predicates config.action.reload \
            errors.retry.timeout errors.retry.delay.max.ms errors.tolerance errors.log.enable \
            errors.log.include.messages topic.creation.groups exactly.once.support \
            transaction.boundary transaction.boundary.interval.ms offsets.storage.topic";
        assert_eq!(names(&SOURCE).join(" "), expected);
    }

    #[test]
    fn sink_has_the_four_groups_that_kafka_shows() {
        assert_eq!(SINK.groups(), ["Common", "Transforms", "Predicates", "Error Handling"]);
    }

    #[test]
    fn name_is_text_without_control_characters() {
        let check = |name: &str| check_name(NAME, &ConfigValue::String(name.to_owned()));
        assert!(check("a/b ü").is_ok());
        assert!(check("").is_err());
        assert!(check("a\u{7}").is_err());
    }
}
