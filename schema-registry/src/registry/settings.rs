//! Compatibility settings and modes: which of them counts, and how they change.
//!
//! A subject's own settings come first, what they leave out comes from the global ones, what these
//! leave out from the settings file.

use schema_registry_client::rest::ConfigResponse;
use serde_json::{Map, Value};

use super::error::RegistryError;
use crate::compatibility::Level;
use crate::store::index::Index;
use crate::store::record::{Key, Mode, OutgoingRecord};
use crate::store::writer::Decision;

const LEVEL: &str = "compatibilityLevel";
const NORMALIZE: &str = "normalize";

/// Settings that count for a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// How schemas must relate.
    pub level: Level,
    /// Whether schemas are normalised.
    pub normalize: bool,
}

/// The settings that count for a subject.
#[must_use]
pub fn scope(index: &Index, subject: &str, default: Level) -> Scope {
    let scopes = [index.config(Some(subject)), index.config(None)];
    let mut levels = scopes.iter().flatten().filter_map(|config| level(config));
    let mut normalize =
        scopes.iter().flatten().filter_map(|config| config.get(NORMALIZE)?.as_bool());
    Scope { level: levels.next().unwrap_or(default), normalize: normalize.next().unwrap_or(false) }
}

fn level(config: &Map<String, Value>) -> Option<Level> {
    config.get(LEVEL)?.as_str()?.parse().ok()
}

/// The global settings as callers see them.
#[must_use]
pub fn global(index: &Index, default: Level) -> ConfigResponse {
    let config = index.config(None);
    ConfigResponse {
        compatibility_level: config.and_then(level).unwrap_or(default).to_string(),
        normalize: config.and_then(|config| config.get(NORMALIZE)?.as_bool()),
    }
}

/// A subject's own settings as callers see them; none when it has none.
#[must_use]
pub fn own(index: &Index, subject: &str, default: Level) -> Option<ConfigResponse> {
    let config = index.config(Some(subject))?;
    Some(ConfigResponse {
        compatibility_level: scope(index, subject, default).level.to_string(),
        normalize: config.get(NORMALIZE).and_then(Value::as_bool),
    })
}

/// What a caller wants to change of the settings; `Some(None)` unsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// How schemas must relate.
    pub level: Option<Option<Level>>,
    /// Whether schemas are normalised.
    pub normalize: Option<Option<bool>>,
}

impl SettingsChange {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// [`RegistryError::InvalidLevel`] for a wrong level and for a body that changes nothing;
    /// [`RegistryError::NotOffered`] for members that would have to be dropped, and
    /// [`RegistryError::UnknownMember`] for those that nobody knows.
    pub fn parse(body: &Map<String, Value>) -> Result<Self, RegistryError> {
        let mut change = Self::default();
        for (name, value) in body {
            match (name.as_str(), value) {
                ("compatibility", Value::Null) => change.level = Some(None),
                ("compatibility", Value::String(name)) => {
                    let level = name.parse().map_err(|_| RegistryError::InvalidLevel)?;
                    change.level = Some(Some(level));
                }
                ("compatibility", _) => return Err(RegistryError::InvalidLevel),
                ("normalize", Value::Null) => change.normalize = Some(None),
                ("normalize", Value::Bool(value)) => change.normalize = Some(Some(*value)),
                ("normalize", _) => {
                    return Err(RegistryError::NotOffered(
                        "a value of normalize that is no boolean",
                    ));
                }
                (_, Value::Null) => {}
                (name, _) => {
                    return Err(match offered_elsewhere(name) {
                        Some(known) => RegistryError::NotOffered(known),
                        None => RegistryError::UnknownMember(name.chars().take(100).collect()),
                    });
                }
            }
        }
        if change == Self::default() {
            return Err(RegistryError::InvalidLevel);
        }
        Ok(change)
    }
}

/// A member that other registries have and this one would have to drop.
fn offered_elsewhere(name: &str) -> Option<&'static str> {
    const KNOWN: [&str; 11] = [
        "alias",
        "aliasForDeks",
        "validateFields",
        "validateNewSchemas",
        "validateRules",
        "compatibilityPolicy",
        "compatibilityGroup",
        "defaultMetadata",
        "overrideMetadata",
        "defaultRuleSet",
        "overrideRuleSet",
    ];
    KNOWN.into_iter().find(|known| *known == name)
}

/// Decides a change of settings.
///
/// # Errors
///
/// [`RegistryError::ReadOnly`]
pub fn decide_config(
    index: &Index,
    subject: Option<&str>,
    change: SettingsChange,
) -> Result<Decision<()>, RegistryError> {
    refuse_read_only(index, subject)?;
    let key = Key::Config { subject: subject.map(str::to_owned) };
    // Members that other registries wrote are kept.
    let mut value = index.config(subject).cloned().unwrap_or_default();
    if let Some(subject) = subject {
        value.insert("subject".to_owned(), subject.into());
    }
    let mut set = |name: &str, new: Option<Value>| match new {
        Some(new) => {
            value.insert(name.to_owned(), new);
        }
        None => {
            value.shift_remove(name);
        }
    };
    if let Some(normalize) = change.normalize {
        set(NORMALIZE, normalize.map(Value::Bool));
    }
    if let Some(level) = change.level {
        set(LEVEL, level.map(|level| level.name().into()));
    }
    let mut records = other_spellings(index.config_deletions(subject), &key);
    records.push(OutgoingRecord::put(&key, &value));
    Ok(Decision::append(records, ()))
}

/// Decides to unset settings; the answer is what they were, or none when there were none.
///
/// # Errors
///
/// [`RegistryError::ReadOnly`]
pub fn decide_config_deletion(
    index: &Index,
    subject: Option<&str>,
    default: Level,
) -> Result<Decision<Option<ConfigResponse>>, RegistryError> {
    refuse_read_only(index, subject)?;
    let was = match subject {
        Some(subject) => own(index, subject, default),
        None => Some(global(index, default)),
    };
    Ok(Decision::append(index.config_deletions(subject), was))
}

/// The mode that counts for a subject.
#[must_use]
pub fn mode(index: &Index, subject: Option<&str>) -> Mode {
    let global = index.mode(None);
    if global == Some(Mode::ReadOnlyOverride) {
        return Mode::ReadOnlyOverride;
    }
    subject.and_then(|subject| index.mode(Some(subject))).or(global).unwrap_or_default()
}

/// Refuses a change where only reading is allowed.
///
/// # Errors
///
/// [`RegistryError::ReadOnly`]
pub fn refuse_read_only(index: &Index, subject: Option<&str>) -> Result<(), RegistryError> {
    match mode(index, subject) {
        Mode::ReadOnly | Mode::ReadOnlyOverride => {
            Err(RegistryError::ReadOnly(subject.unwrap_or("").to_owned()))
        }
        Mode::ReadWrite | Mode::Import | Mode::Forward => Ok(()),
    }
}

/// Reads a mode that may be set.
///
/// # Errors
///
/// [`RegistryError::InvalidMode`]
pub fn settable_mode(name: &str) -> Result<Mode, RegistryError> {
    match Mode::from_name(name) {
        Some(mode @ (Mode::ReadWrite | Mode::ReadOnly)) => Ok(mode),
        _ => Err(RegistryError::InvalidMode),
    }
}

/// Decides a change of mode.
#[must_use]
pub fn decide_mode(index: &Index, subject: Option<&str>, mode: Mode) -> Decision<()> {
    let key = Key::Mode { subject: subject.map(str::to_owned) };
    let mut value = Map::new();
    if let Some(subject) = subject {
        value.insert("subject".to_owned(), subject.into());
    }
    value.insert("mode".to_owned(), mode.name().into());
    let mut records = other_spellings(index.mode_deletions(subject), &key);
    records.push(OutgoingRecord::put(&key, &value));
    Decision::append(records, ())
}

/// Whose modes are unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModeDeletion {
    /// This subject's.
    Subject(String),
    /// The global one.
    Global,
    /// The global one and those of all subjects.
    Everything,
}

/// Decides to unset modes; the answer is what the first of them was.
#[must_use]
pub fn decide_mode_deletion(index: &Index, deletion: &ModeDeletion) -> Decision<Option<Mode>> {
    let subject = match deletion {
        ModeDeletion::Subject(subject) => Some(subject.as_str()),
        ModeDeletion::Global | ModeDeletion::Everything => None,
    };
    let was = index.mode(subject).or_else(|| subject.is_none().then(Mode::default));
    let mut records = index.mode_deletions(subject);
    if *deletion == ModeDeletion::Everything {
        let all = index.subjects_with_mode();
        records.extend(all.flat_map(|subject| index.mode_deletions(Some(subject))));
    }
    Decision::append(records, was)
}

/// Deletions of the spellings of a key that are not ours; they come before the new value.
fn other_spellings(deletions: Vec<OutgoingRecord>, key: &Key) -> Vec<OutgoingRecord> {
    let ours = key.encode();
    deletions.into_iter().filter(|record| record.key != ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Incoming;

    fn index(records: &[(&str, &str)]) -> Index {
        let mut index = Index::default();
        for (key, value) in records {
            let incoming = Incoming::decode(Some(key.as_bytes()), Some(value.as_bytes()));
            index.apply(incoming.unwrap()).unwrap();
        }
        index
    }

    fn texts(records: &[OutgoingRecord]) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let both = |record: &OutgoingRecord| (text(&record.key), record.value.as_deref().map(text));
        records.iter().map(both).collect()
    }

    const GLOBAL: (&str, &str) =
        (r#"{"keytype":"CONFIG","magic":0}"#, r#"{"compatibilityLevel":"FULL","normalize":true}"#);
    const OWN: (&str, &str) = (
        r#"{"keytype":"CONFIG","subject":"s","magic":0}"#,
        r#"{"subject":"s","alias":"kept","compatibilityLevel":"NONE"}"#,
    );

    #[test]
    fn subject_comes_before_global_before_default() {
        let check = |records: &[_], level, normalize| {
            let found = scope(&index(records), "s", Level::Forward);
            assert_eq!(found, Scope { level, normalize });
        };
        check(&[], Level::Forward, false);
        check(&[GLOBAL], Level::Full, true);
        check(&[GLOBAL, OWN], Level::None, true);
    }

    #[test]
    fn change_of_settings_keeps_what_others_wrote() {
        let index = index(&[GLOBAL, OWN]);
        let body = serde_json::json!({"compatibility": "full_transitive", "alias": null});
        let change = SettingsChange::parse(body.as_object().unwrap()).unwrap();
        let decision = decide_config(&index, Some("s"), change).unwrap();
        let value = r#"{"subject":"s","alias":"kept","compatibilityLevel":"FULL_TRANSITIVE"}"#;
        assert_eq!(texts(&decision.records), [(OWN.0.to_owned(), Some(value.to_owned()))]);
    }

    #[test]
    fn change_under_another_spelling_deletes_the_old_one_first() {
        let old = r#"{"keytype":"CONFIG","subject":null,"magic":0}"#;
        let index = index(&[(old, r#"{"compatibilityLevel":"FULL"}"#)]);
        let change = SettingsChange { level: Some(None), normalize: Some(Some(true)) };
        let decision = decide_config(&index, None, change).unwrap();
        let expected = [
            (old.to_owned(), None),
            (GLOBAL.0.to_owned(), Some(r#"{"normalize":true}"#.to_owned())),
        ];
        assert_eq!(texts(&decision.records), expected);
    }

    #[test]
    fn bodies_that_cannot_be_honoured_are_refused() {
        for (body, code) in [
            (r#"{}"#, 42203),
            (r#"{"compatibility":"sideways"}"#, 42203),
            (r#"{"compatibility":1}"#, 42203),
            (r#"{"compatibility":"FULL","compatibilityGroup":"v"}"#, 422),
            (r#"{"compatibility":"FULL","validateFields":true}"#, 422),
        ] {
            let body: Map<String, Value> = serde_json::from_str(body).unwrap();
            assert_eq!(SettingsChange::parse(&body).unwrap_err().code(), code, "{body:?}");
        }
        let unknown = serde_json::json!({"compatibilityLevel": "FULL"});
        let error = SettingsChange::parse(unknown.as_object().unwrap()).unwrap_err();
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            (422, "Unrecognized field: compatibilityLevel")
        );
    }

    #[test]
    fn only_two_modes_can_be_set_and_all_count() {
        assert_eq!(settable_mode("readonly").unwrap(), Mode::ReadOnly);
        for name in ["IMPORT", "FORWARD", "READONLY_OVERRIDE", "x", ""] {
            assert_eq!(settable_mode(name).unwrap_err().code(), 42204);
        }
        let key = r#"{"keytype":"MODE","magic":0}"#;
        let own = r#"{"keytype":"MODE","subject":"s","magic":0}"#;
        let index =
            index(&[(key, r#"{"mode":"READONLY_OVERRIDE"}"#), (own, r#"{"mode":"READWRITE"}"#)]);
        assert_eq!(mode(&index, Some("s")), Mode::ReadOnlyOverride);
        let decision = decide_mode_deletion(&index, &ModeDeletion::Everything);
        assert_eq!(texts(&decision.records), [(key.to_owned(), None), (own.to_owned(), None)]);
    }
}
