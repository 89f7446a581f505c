//! How a source's topics are created (KIP-158): `topic.creation.groups` and, for each group,
//! `include`, `exclude`, `partitions`, `replication.factor` and any setting of a topic.
//!
//! The group `default` takes every topic that no other group includes.

use std::collections::BTreeMap;

use connect_api::connector::Settings;
use regex::Regex;

const PREFIX: &str = "topic.creation.";
const GROUPS: &str = "topic.creation.groups";
const DEFAULT: &str = "default";

/// One group of topics.
#[derive(Debug, Clone)]
struct Group {
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    topic: NewTopicSettings,
}

/// What a topic is created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopicSettings {
    /// Partitions; -1 leaves it to the broker.
    pub partitions: i32,
    /// Replicas; -1 leaves it to the broker.
    pub replication_factor: i16,
    /// Settings of the topic.
    pub configs: BTreeMap<String, String>,
}

/// The groups of a source connector, in the order in which they are asked; `default` is last.
#[derive(Debug, Clone, Default)]
pub struct TopicCreation {
    groups: Vec<Group>,
}

impl TopicCreation {
    /// Reads the settings; none when the connector leaves creation to the broker.
    #[must_use]
    pub fn of(settings: &Settings) -> Option<Self> {
        if !settings.keys().any(|key| key.starts_with("topic.creation.default.")) {
            return None;
        }
        let mut groups: Vec<Group> =
            group_names(settings).iter().filter_map(|name| group(settings, name).ok()).collect();
        groups.extend(group(settings, DEFAULT).ok());
        Some(Self { groups })
    }

    /// What `topic` is created with; none when no group takes it.
    #[must_use]
    pub fn for_topic(&self, topic: &str) -> Option<&NewTopicSettings> {
        let takes = |group: &&Group| {
            group.include.iter().any(|pattern| pattern.is_match(topic))
                && !group.exclude.iter().any(|pattern| pattern.is_match(topic))
        };
        self.groups.iter().find(takes).map(|group| &group.topic)
    }
}

/// What is wrong with the settings: (key, message).
#[must_use]
pub fn complaints(settings: &Settings) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let has_default = settings.keys().any(|key| key.starts_with("topic.creation.default."));
    let names = group_names(settings);
    if !names.is_empty() && !has_default {
        found.push((
            GROUPS.to_owned(),
            format!("Invalid value {} for configuration {GROUPS}: the group default needs {PREFIX}default.partitions and {PREFIX}default.replication.factor", names.join(",")),
        ));
    }
    for name in &names {
        if let Err(complaint) = group(settings, name) {
            found.push(complaint);
        }
    }
    if has_default && let Err(complaint) = group(settings, DEFAULT) {
        found.push(complaint);
    }
    found
}

fn group_names(settings: &Settings) -> Vec<String> {
    let names = settings.get(GROUPS).map_or("", String::as_str).split(',').map(str::trim);
    names.filter(|name| !name.is_empty() && *name != DEFAULT).map(str::to_owned).collect()
}

fn group(settings: &Settings, name: &str) -> Result<Group, (String, String)> {
    let prefix = format!("{PREFIX}{name}.");
    let mut configs: BTreeMap<String, String> = settings
        .iter()
        .filter_map(|(key, value)| {
            Some((key.strip_prefix(&prefix)?.to_owned(), value.trim().to_owned()))
        })
        .collect();
    let default = name == DEFAULT;
    let include = match configs.remove("include") {
        _ if default => patterns(&prefix, "include", ".*")?,
        Some(text) => patterns(&prefix, "include", &text)?,
        None => return Err(missing(&prefix, "include")),
    };
    let exclude = match configs.remove("exclude") {
        Some(text) => patterns(&prefix, "exclude", &text)?,
        None => Vec::new(),
    };
    let partitions = number(&prefix, "partitions", configs.remove("partitions"), default)?;
    let factor = configs.remove("replication.factor");
    let factor = number(&prefix, "replication.factor", factor, default)?;
    let replication_factor = i16::try_from(factor)
        .map_err(|_| invalid(&prefix, "replication.factor", &factor.to_string()))?;
    Ok(Group {
        include,
        exclude,
        topic: NewTopicSettings { partitions, replication_factor, configs },
    })
}

fn patterns(prefix: &str, key: &str, text: &str) -> Result<Vec<Regex>, (String, String)> {
    let each = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
    each.map(|pattern| {
        Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let key = format!("{prefix}{key}");
            let text = format!("Invalid value {pattern} for configuration {key}: {error}");
            (key, text)
        })
    })
    .collect()
}

fn number(
    prefix: &str,
    key: &str,
    text: Option<String>,
    required: bool,
) -> Result<i32, (String, String)> {
    match text {
        None if required => Err(missing(prefix, key)),
        None => Ok(-1),
        Some(text) => match text.parse() {
            Ok(number) if number == -1 || number > 0 => Ok(number),
            _ => Err(invalid(prefix, key, &text)),
        },
    }
}

fn missing(prefix: &str, key: &str) -> (String, String) {
    let key = format!("{prefix}{key}");
    let text = format!("Missing required configuration \"{key}\" which has no default value.");
    (key, text)
}

fn invalid(prefix: &str, key: &str, value: &str) -> (String, String) {
    let key = format!("{prefix}{key}");
    let text = format!(
        "Invalid value {value} for configuration {key}: Must be -1 to use the broker's default, \
         or a number above 0"
    );
    (key, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(entries: &[(&str, &str)]) -> Settings {
        entries.iter().map(|(key, value)| (format!("{PREFIX}{key}"), (*value).to_owned())).collect()
    }

    #[test]
    fn topic_takes_the_first_group_that_includes_it() {
        let creation = TopicCreation::of(&settings(&[
            ("groups", "logs"),
            ("logs.include", "log-.*, audit"),
            ("logs.exclude", "log-x"),
            ("logs.partitions", "6"),
            ("logs.cleanup.policy", "compact"),
            ("default.partitions", "3"),
            ("default.replication.factor", "-1"),
        ]))
        .unwrap();
        let logs = creation.for_topic("log-a").unwrap();
        assert_eq!((logs.partitions, logs.replication_factor), (6, -1));
        assert_eq!(logs.configs["cleanup.policy"], "compact");
        assert_eq!(creation.for_topic("log-x").unwrap().partitions, 3);
        assert_eq!(creation.for_topic("other").unwrap().partitions, 3);
    }

    #[test]
    fn nothing_set_leaves_it_to_the_broker() {
        assert!(TopicCreation::of(&Settings::new()).is_none());
        assert_eq!(complaints(&Settings::new()), []);
    }

    #[track_caller]
    fn check_complaint(entries: &[(&str, &str)], key: &str) {
        let found = complaints(&settings(entries));
        assert_eq!(found.first().map(|(key, _)| key.as_str()), Some(key), "{found:?}");
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        check_complaint(&[("groups", "a"), ("a.include", "x")], GROUPS);
        check_complaint(
            &[("default.partitions", "1")],
            "topic.creation.default.replication.factor",
        );
        check_complaint(
            &[("default.partitions", "0"), ("default.replication.factor", "1")],
            "topic.creation.default.partitions",
        );
        check_complaint(
            &[
                ("groups", "a"),
                ("a.include", "("),
                ("default.partitions", "1"),
                ("default.replication.factor", "1"),
            ],
            "topic.creation.a.include",
        );
    }
}
