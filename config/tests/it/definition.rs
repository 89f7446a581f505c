//! Parsing and validation against definitions, in Kafka's wording.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{ConfigDef, ConfigType, Importance, Key, Properties, Width};

fn definition() -> ConfigDef {
    ConfigDef::new([
        Key::string("topic").non_empty().importance(Importance::High).group("Common", 1),
        Key::int("tasks.max")
            .default_value(1)
            .at_least(1)
            .doc("Most tasks to run.")
            .importance(Importance::High)
            .group("Common", 2)
            .width(Width::Short)
            .display_name("Tasks max"),
        Key::int("port").default_value(80).between(1, 65_535),
        Key::string("file").default_null(),
        Key::string("policy").default_value("ack").one_of(&["ack", "os"]).recommended(&["ack"]),
        Key::string("tolerance").default_value("none").one_of_ignore_case(&["none", "all"]),
        Key::list("steps").default_value(["read", "write"]).one_of(&["read", "write"]),
        Key::double("ratio").default_value(0.5).between(0.0, 1.0),
        Key::boolean("enable").default_value(true).dependents(&["secret"]),
        Key::password("secret").default_null().visible_when("enable", &["true"]),
        Key::short("replication.factor").default_value(3i16).validator(Arc::new(|_, value| {
            if value.as_i64() == Some(0) {
                return Err("Value must be positive or -1".to_owned());
            }
            Ok(())
        })),
        Key::class("converter").default_null(),
        Key::long("hidden.ms").default_value(1).internal(),
    ])
}

fn given(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn check_errors(entries: &[(&str, &str)], expected: &[&str]) {
    let mut all = given(entries);
    all.entry("topic".to_owned()).or_insert_with(|| "t".to_owned());
    assert_eq!(definition().parse(&all).unwrap_err().messages(), expected);
}

#[test]
fn values_come_from_the_settings_or_else_from_defaults() {
    let settings = given(&[("topic", " t "), ("steps", "write"), ("secret", "s3"), ("x.y", "1")]);
    let config = definition().parse(&settings).unwrap();
    assert_eq!(config.string("topic"), "t");
    assert_eq!(config.int("tasks.max"), 1);
    assert_eq!(config.optional_string("file"), None);
    assert_eq!(config.list("steps"), ["write"]);
    assert!((config.double("ratio") - 0.5).abs() < f64::EPSILON);
    assert!(config.boolean("enable"));
    assert_eq!(config.short("replication.factor"), 3);
    assert_eq!(config.long("hidden.ms"), 1);
    assert_eq!(config.password("secret").unwrap().reveal(), "s3");
    assert!(config.is_given("topic") && !config.is_given("port"));
    assert_eq!(config.originals_with_prefix("x."), given(&[("y", "1")]));
    assert!(!format!("{config:?}").contains("s3"));
}

#[test]
fn messages_are_those_of_kafka() {
    check_errors(
        &[("tasks.max", "abc")],
        &["Invalid value abc for configuration tasks.max: Not a number of type INT"],
    );
    check_errors(
        &[("tasks.max", "0")],
        &["Invalid value 0 for configuration tasks.max: Value must be at least 1"],
    );
    check_errors(
        &[("port", "65536")],
        &["Invalid value 65536 for configuration port: Value must be no more than 65535"],
    );
    check_errors(
        &[("topic", " ")],
        &["Invalid value  for configuration topic: String must be non-empty"],
    );
    check_errors(
        &[("policy", "OS")],
        &["Invalid value OS for configuration policy: String must be one of: ack, os"],
    );
    check_errors(
        &[("tolerance", "some")],
        &["Invalid value some for configuration tolerance: \
           String must be one of (case insensitive): none, all"],
    );
    check_errors(
        &[("steps", "read,jump")],
        &["Invalid value jump for configuration steps: String must be one of: read, write"],
    );
    check_errors(
        &[("ratio", "NaN")],
        &["Invalid value NaN for configuration ratio: Value must be at least 0.0"],
    );
    check_errors(
        &[("enable", "on")],
        &["Invalid value on for configuration enable: Expected value to be either true or false"],
    );
    check_errors(
        &[("replication.factor", "0")],
        &["Invalid value 0 for configuration replication.factor: Value must be positive or -1"],
    );
}

#[test]
fn all_errors_are_reported_at_once_in_the_order_of_the_definition() {
    let errors = definition().parse(&given(&[("port", "x"), ("tasks.max", "-1")])).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "Missing required configuration \"topic\" which has no default value.\n\
         Invalid value -1 for configuration tasks.max: Value must be at least 1\n\
         Invalid value x for configuration port: Not a number of type INT"
    );
    let keys: Vec<_> = errors.errors().iter().map(config::ConfigError::key).collect();
    assert_eq!(keys, ["topic", "tasks.max", "port"]);
}

#[test]
fn validation_reports_on_every_key() {
    let definition = definition();
    let settings = given(&[("tasks.max", "0"), ("enable", "false"), ("secret", "s3cret")]);
    let reports = definition.validate(&settings);
    assert_eq!(reports.len(), definition.keys().len());
    let report = |name: &str| reports.iter().find(|report| report.key.name == name).unwrap();
    assert_eq!(
        report("topic").errors,
        ["Missing required configuration \"topic\" which has no default value."]
    );
    assert_eq!(report("topic").value, None);
    assert_eq!(report("tasks.max").value.as_deref(), Some("0"));
    assert_eq!(report("tasks.max").errors.len(), 1);
    assert_eq!(report("secret").value.as_deref(), Some("[hidden]"));
    assert!(!report("secret").visible);
    assert!(report("file").visible);
    assert_eq!(report("policy").recommended, ["ack"]);
    assert_eq!(report("steps").value.as_deref(), Some("read,write"));
}

#[test]
fn unknown_keys_come_with_line_and_nearest_name() {
    let properties =
        Properties::parse(b"topic=t\n\ntask.max=1\nproducer.acks=1\nzzzzzzzz=1").unwrap();
    let warnings: Vec<_> = definition()
        .unknown_keys(&properties, &["producer."])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        warnings,
        [
            "unknown configuration \"task.max\" in line 3 is ignored; did you mean \"tasks.max\"?",
            "unknown configuration \"zzzzzzzz\" in line 5 is ignored",
        ]
    );
}

#[test]
fn later_definition_replaces_an_earlier_one_in_place() {
    let other = ConfigDef::new([
        Key::string("file").default_value("x"),
        Key::string("more").default_null(),
    ]);
    let merged = definition().merged(&other);
    let names: Vec<_> = merged.keys().map(|key| key.name.as_str()).collect();
    assert_eq!(names.iter().position(|name| *name == "file"), Some(3));
    assert_eq!(names.last(), Some(&"more"));
    assert_eq!(merged.key("file").unwrap().default_text().as_deref(), Some("x"));
    assert_eq!(merged.groups(), ["Common"]);
}

#[test]
fn key_keeps_what_was_said_of_it() {
    let definition = definition();
    let key = definition.key("tasks.max").unwrap();
    assert_eq!(key.config_type, ConfigType::Int);
    assert_eq!(key.importance.name(), "HIGH");
    assert_eq!((key.group.as_deref(), key.order), (Some("Common"), 2));
    assert_eq!((key.width.name(), key.display_name.as_str()), ("SHORT", "Tasks max"));
    assert_eq!(key.valid_values(), "[1,...]");
    assert!(!key.is_required() && definition.key("topic").unwrap().is_required());
    assert_eq!(definition.key("port").unwrap().valid_values(), "[1,...,65535]");
}

#[test]
fn markdown_lists_what_is_not_internal() {
    let table = definition().to_markdown();
    assert!(
        table.contains("| `tasks.max` | int | `1` | [1,...] | high | Most tasks to run. |\n"),
        "{table}"
    );
    assert!(!table.contains("hidden.ms"), "{table}");
}

#[test]
#[should_panic(expected = "Configuration a is defined twice.")]
fn defining_a_key_twice_is_a_mistake() {
    let _definition = ConfigDef::new([Key::string("a"), Key::int("a")]);
}

#[test]
#[should_panic(expected = "Value must be at least 1")]
fn default_that_fails_its_check_is_a_mistake() {
    let _definition = ConfigDef::new([Key::int("a").default_value(0).at_least(1)]);
}
