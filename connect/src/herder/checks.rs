//! What a connector's settings must satisfy beyond one key at a time. Pure: settings in, a list
//! of (key, what is wrong) out.

use connect_api::connector::Settings;

use crate::config::WorkerConfig;
use crate::connector_config::{DLQ_TOPIC, TOPICS, TOPICS_REGEX};
use crate::override_policy::OVERRIDE_PREFIXES;
use crate::plugin::{PluginKind, PluginRegistry};

/// A key, and what is wrong with it.
pub type Complaint = (String, String);

/// The converter keys, with whether each is for headers.
pub const CONVERTERS: [(&str, bool); 3] =
    [("key.converter", false), ("value.converter", false), ("header.converter", true)];

/// Checks what depends on several keys, on the plug-ins or on the worker.
#[must_use]
pub fn check(
    settings: &Settings,
    kind: PluginKind,
    plugins: &PluginRegistry,
    worker: &WorkerConfig,
) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    match kind {
        PluginKind::Sink => check_topics(&mut complaints, settings),
        _ => check_source(&mut complaints, settings),
    }
    check_aliases(&mut complaints, settings, "transforms", |class| {
        plugins.transformation(class).err().map(|error| error.to_string())
    });
    check_aliases(&mut complaints, settings, "predicates", |class| {
        plugins.predicate(class).err().map(|error| error.to_string())
    });
    check_overrides(&mut complaints, settings, worker);
    complaints
}

fn value<'a>(settings: &'a Settings, key: &str) -> &'a str {
    settings.get(key).map_or("", |value| value.trim())
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn check_topics(complaints: &mut Vec<Complaint>, settings: &Settings) {
    let topics = value(settings, TOPICS);
    let regex = value(settings, TOPICS_REGEX);
    let dlq = value(settings, DLQ_TOPIC);
    let mut complain = |key: &str, text: String| complaints.push((key.to_owned(), text));
    match (topics.is_empty(), regex.is_empty()) {
        (true, true) => {
            let text = format!("Must configure one of {TOPICS} or {TOPICS_REGEX}");
            complain(TOPICS, text.clone());
            complain(TOPICS_REGEX, text);
        }
        (false, false) => {
            let text = format!(
                "{TOPICS} and {TOPICS_REGEX} are mutually exclusive options, but both are set"
            );
            complain(TOPICS, text.clone());
            complain(TOPICS_REGEX, text);
        }
        (false, true) if !dlq.is_empty() && list(topics).any(|topic| topic == dlq) => {
            let text = format!("The dead letter queue topic {dlq} is one of the topics to read");
            complain(DLQ_TOPIC, text.clone());
            complain(TOPICS, text);
        }
        (false, true) => {}
        (true, false) => match regex::Regex::new(&format!("^(?:{regex})$")) {
            Err(error) => {
                complain(
                    TOPICS_REGEX,
                    format!("Invalid value {regex} for configuration {TOPICS_REGEX}: {error}"),
                );
            }
            Ok(pattern) if !dlq.is_empty() && pattern.is_match(dlq) => {
                let text = format!("The dead letter queue topic {dlq} matches the topics to read");
                complain(DLQ_TOPIC, text.clone());
                complain(TOPICS_REGEX, text);
            }
            Ok(_) => {}
        },
    }
}

fn check_source(complaints: &mut Vec<Complaint>, settings: &Settings) {
    let mut complain = |key: &str, text: String| complaints.push((key.to_owned(), text));
    if value(settings, "exactly.once.support").eq_ignore_ascii_case("required") {
        complain(
            "exactly.once.support",
            "This worker does not have exactly-once source support enabled.".to_owned(),
        );
    }
    if value(settings, "transaction.boundary").eq_ignore_ascii_case("connector") {
        complain(
            "transaction.boundary",
            "The connector does not support connector-defined transaction boundaries with the \
             given configuration."
                .to_owned(),
        );
    }
    if !value(settings, "offsets.storage.topic").is_empty() {
        complain(
            "offsets.storage.topic",
            "A topic for the offsets of one connector is not offered by a standalone worker; \
             remove it."
                .to_owned(),
        );
    }
    complaints.extend(super::topic_creation::complaints(settings));
}

fn check_aliases(
    complaints: &mut Vec<Complaint>,
    settings: &Settings,
    kind: &str,
    unknown: impl Fn(&str) -> Option<String>,
) {
    for alias in list(value(settings, kind)) {
        let key = format!("{kind}.{alias}.type");
        let class = value(settings, &key);
        if class.is_empty() {
            let text =
                format!("Missing required configuration \"{key}\" which has no default value.");
            complaints.push((key, text));
        } else if let Some(reason) = unknown(class) {
            let text = format!("Invalid value {class} for configuration {key}: {reason}");
            complaints.push((key, text));
        }
    }
}

fn check_overrides(complaints: &mut Vec<Complaint>, settings: &Settings, worker: &WorkerConfig) {
    for key in settings.keys() {
        let stripped = OVERRIDE_PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix));
        if let Some(setting) = stripped
            && !worker.override_policy.allows(setting)
        {
            let policy = worker.override_policy.name();
            let text = format!(
                "The '{policy}' policy does not allow '{setting}' to be overridden in the \
                 connector configuration."
            );
            complaints.push((key.clone(), text));
        }
    }
}

/// Keys that belong to no definition: what to warn of, with the nearest known name.
#[must_use]
pub fn unknown_keys(settings: &Settings, known: &[&str]) -> Vec<(String, Option<String>)> {
    const PASSED_ON: [&str; 10] = [
        "producer.override.",
        "consumer.override.",
        "admin.override.",
        "key.converter.",
        "value.converter.",
        "header.converter.",
        "transforms.",
        "predicates.",
        "topic.creation.",
        "task.class",
    ];
    settings
        .keys()
        .filter(|key| !PASSED_ON.iter().any(|prefix| key.starts_with(prefix)))
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| (key.clone(), config::nearest(key, known.iter().copied()).map(str::to_owned)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(entries: &[(&str, &str)]) -> Settings {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check_sink(entries: &[(&str, &str)], keys: &[&str]) {
        let mut complaints = Vec::new();
        check_topics(&mut complaints, &settings(entries));
        let found: Vec<&str> = complaints.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(found, keys, "{complaints:?}");
    }

    #[test]
    fn sink_reads_topics_or_a_pattern() {
        check_sink(&[("topics", "a, b")], &[]);
        check_sink(&[("topics.regex", "a.*")], &[]);
        check_sink(&[], &[TOPICS, TOPICS_REGEX]);
        check_sink(&[("topics", "a"), ("topics.regex", "a.*")], &[TOPICS, TOPICS_REGEX]);
        check_sink(&[("topics.regex", "a(")], &[TOPICS_REGEX]);
    }

    #[test]
    fn dead_letter_queue_is_no_topic_to_read() {
        check_sink(&[("topics", "a,b"), (DLQ_TOPIC, "b")], &[DLQ_TOPIC, TOPICS]);
        check_sink(&[("topics.regex", "a.*"), (DLQ_TOPIC, "abc")], &[DLQ_TOPIC, TOPICS_REGEX]);
        check_sink(&[("topics.regex", "a"), (DLQ_TOPIC, "abc")], &[]);
    }

    #[test]
    fn transform_without_or_with_unknown_type_is_named() {
        let given = settings(&[("transforms", "x,y"), ("transforms.y.type", "a.B")]);
        let mut complaints = Vec::new();
        check_aliases(&mut complaints, &given, "transforms", |_| Some("not there".to_owned()));
        assert_eq!(complaints[0].0, "transforms.x.type");
        assert_eq!(
            complaints[1].1,
            "Invalid value a.B for configuration transforms.y.type: not there"
        );
    }

    #[test]
    fn misspelt_key_has_a_nearest_name() {
        let given = settings(&[("fil", "x"), ("topic", "y"), ("producer.override.acks", "1")]);
        let unknown = unknown_keys(&given, &["file", "topic"]);
        assert_eq!(unknown, [("fil".to_owned(), Some("file".to_owned()))]);
    }
}
