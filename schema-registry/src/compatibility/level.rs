//! The seven compatibility levels: which earlier versions a new schema is compared with, and who
//! reads whom.
//!
//! | level | new reads old | old reads new | compared with |
//! |---|---|---|---|
//! | `NONE` | – | – | – |
//! | `BACKWARD` | yes | – | latest |
//! | `FORWARD` | – | yes | latest |
//! | `FULL` | yes | yes | latest |
//! | `*_TRANSITIVE` | | | all, newest first, up to the first that fails |
//!
//! Source: `CompatibilityChecker` and `SchemaValidatorBuilder` of Confluent's registry, whose
//! messages clients parse.

use std::fmt;
use std::str::FromStr;

use schema_registry_client::avro::Schema;

use super::avro;

/// Characters of the old schema that a message shows.
const MAX_SCHEMA_SHOWN: usize = 10 * 1024;
/// Differences that one comparison reports.
const MAX_DIFFERENCES: usize = 1000;

/// How a subject's schemas must relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Not at all.
    None,
    /// The new schema reads what the latest wrote.
    #[default]
    Backward,
    /// The new schema reads what all earlier ones wrote.
    BackwardTransitive,
    /// The latest schema reads what the new one writes.
    Forward,
    /// All earlier schemas read what the new one writes.
    ForwardTransitive,
    /// Both, with the latest.
    Full,
    /// Both, with all earlier ones.
    FullTransitive,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// Name in requests, answers and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    const fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    const fn new_reads_old(self) -> bool {
        !matches!(self, Self::None | Self::Forward | Self::ForwardTransitive)
    }

    const fn old_reads_new(self) -> bool {
        !matches!(self, Self::None | Self::Backward | Self::BackwardTransitive)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown compatibility level {0}")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    /// Reads a level's name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownLevel(text.chars().take(100).collect()))
    }
}

/// Outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the schema may join.
    pub compatible: bool,
    /// What stands against it, as clients see it; empty when compatible.
    pub messages: Vec<String>,
}

/// Checks a new schema against a subject's earlier versions, given in any order.
///
/// Soft-deleted versions and those of another schema type are the caller's to leave out or refuse.
#[must_use]
pub fn check(level: Level, new: &Schema, previous: &[(i32, &Schema)]) -> Verdict {
    let mut newest_first = previous.to_vec();
    newest_first.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let count = match level {
        Level::None => 0,
        level if level.is_transitive() => newest_first.len(),
        _ => 1,
    };
    for old in newest_first.into_iter().take(count) {
        let mut messages = compare(level, new, old);
        if !messages.is_empty() {
            messages.push(format!("{{validateFields: 'false', compatibility: '{level}'}}"));
            return Verdict { compatible: false, messages };
        }
    }
    Verdict { compatible: true, messages: Vec::new() }
}

/// Compares with one version. The old schema is shown when it is what the new one cannot read,
/// or when it alone is asked; so Confluent's registry does it.
fn compare(level: Level, new: &Schema, (version, old): (i32, &Schema)) -> Vec<String> {
    let mut messages = Vec::new();
    if level.old_reads_new() {
        messages = differences(old, new, ("old", "new"));
        if !level.new_reads_old() && !messages.is_empty() {
            show_old(&mut messages, version, old);
        }
    }
    if level.new_reads_old() {
        let mut backward = differences(new, old, ("new", "old"));
        if !backward.is_empty() {
            show_old(&mut backward, version, old);
        }
        messages.append(&mut backward);
    }
    messages
}

fn differences(reader: &Schema, writer: &Schema, names: (&str, &str)) -> Vec<String> {
    match avro::differences(reader, writer) {
        Ok(found) => {
            let mut messages: Vec<String> = (found.iter().take(MAX_DIFFERENCES))
                .map(|difference| difference.message(names.0, names.1))
                .collect();
            if found.len() > MAX_DIFFERENCES {
                messages.push(format!("{{furtherDifferences: {}}}", found.len() - MAX_DIFFERENCES));
            }
            messages
        }
        Err(error) => vec![format!("Unexpected exception during compatibility check: {error}")],
    }
}

fn show_old(messages: &mut Vec<String>, version: i32, old: &Schema) {
    messages.push(format!("{{oldSchemaVersion: {version}}}"));
    let text = old.canonical_string();
    messages.push(match text.char_indices().nth(MAX_SCHEMA_SHOWN) {
        None => format!("{{oldSchema: '{text}'}}"),
        Some((end, _)) => format!("{{oldSchema: <truncated> '{}...'}}", &text[..end]),
    });
}

#[cfg(test)]
mod tests {
    use schema_registry_client::avro::Strictness;
    use serde_json::Value;

    use super::*;

    fn parse(json: &Value) -> Schema {
        Schema::parse(&json.to_string(), Strictness::New).unwrap()
    }

    #[test]
    fn messages_are_the_original_s() {
        let cases: Vec<Value> =
            serde_json::from_str(include_str!("../../testdata/compatibility/avro-levels.json"))
                .unwrap();
        assert!(cases.len() > 25);
        for case in cases {
            let level: Level = case["level"].as_str().unwrap().parse().unwrap();
            let previous: Vec<(i32, Schema)> = (case["previous"].as_array().unwrap().iter())
                .map(|pair| (i32::try_from(pair[0].as_i64().unwrap()).unwrap(), parse(&pair[1])))
                .collect();
            let previous: Vec<(i32, &Schema)> =
                previous.iter().map(|(version, schema)| (*version, schema)).collect();
            let verdict = check(level, &parse(&case["new"]), &previous);
            let expected: Vec<&str> = case["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|text| text.as_str().unwrap())
                .collect();
            assert_eq!(verdict.messages, expected, "{} at {level}", case["name"]);
            assert_eq!(verdict.compatible, expected.is_empty());
        }
    }

    #[test]
    fn levels_are_read_in_any_case() {
        for level in Level::ALL {
            assert_eq!(level.name().to_lowercase().parse(), Ok(level));
        }
        assert_eq!(
            "SIDEWAYS".parse::<Level>().unwrap_err().to_string(),
            "unknown compatibility level SIDEWAYS"
        );
    }

    #[test]
    fn long_old_schema_is_cut() {
        let symbols: Vec<String> = (0..5000).map(|n| format!("S{n}")).collect();
        let old = parse(&serde_json::json!({"type":"enum","name":"E","symbols":symbols}));
        let verdict = check(Level::Backward, &parse(&"int".into()), &[(1, &old)]);
        assert!(verdict.messages[2].starts_with("{oldSchema: <truncated> '{\"type\":\"enum\""));
        assert!(verdict.messages[2].len() < 10_300);
    }
}
