//! The answer to a validation: every setting's definition, value and errors, as KIP-26 shapes it.

use config::provider::Resolved;
use config::{Key, KeyReport};
use connect_api::connector::Settings;
use serde::Serialize;

/// Result of validating a connector's settings.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigInfos {
    /// The connector's class, as it was given.
    pub name: String,
    /// How many errors there are in all settings together.
    pub error_count: usize,
    /// Groups, in the order that a form shows them.
    pub groups: Vec<String>,
    /// All settings.
    pub configs: Vec<ConfigInfo>,
}

/// One setting.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigInfo {
    /// What it is; none for a setting that is handed on to a Kafka client.
    pub definition: Option<ConfigKeyInfo>,
    /// What it is set to.
    pub value: ConfigValueInfo,
}

/// Definition of a setting.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigKeyInfo {
    /// Name.
    pub name: String,
    /// Type, in capitals.
    #[serde(rename = "type")]
    pub config_type: &'static str,
    /// Whether it must be set.
    pub required: bool,
    /// Default; none when there is none or when it is null.
    pub default_value: Option<String>,
    /// HIGH, MEDIUM or LOW.
    pub importance: &'static str,
    /// Meaning.
    pub documentation: String,
    /// Group, if any.
    pub group: Option<String>,
    /// SHORT, MEDIUM, LONG or NONE.
    pub width: &'static str,
    /// Title.
    pub display_name: String,
    /// Settings that depend on it.
    pub dependents: Vec<String>,
    /// Place in its group.
    pub order: i32,
}

/// Value of a setting.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigValueInfo {
    /// Name.
    pub name: String,
    /// Value; `[hidden]` for a password.
    pub value: Option<String>,
    /// Values to choose from.
    pub recommended_values: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Whether a form should show it.
    pub visible: bool,
}

impl ConfigKeyInfo {
    /// Describes a key under `prefix`.
    #[must_use]
    pub fn of(key: &Key, prefix: &str) -> Self {
        Self {
            name: format!("{prefix}{}", key.name),
            config_type: key.config_type.name(),
            required: key.is_required(),
            default_value: key.default_text(),
            importance: key.importance.name(),
            documentation: key.documentation.clone(),
            group: key.group.clone(),
            width: key.width.name(),
            display_name: key.display_name.clone(),
            dependents: key.dependents.clone(),
            order: key.order,
        }
    }
}

impl ConfigInfo {
    /// Takes over a report on a key under `prefix`.
    #[must_use]
    pub fn of(report: KeyReport<'_>, prefix: &str) -> Self {
        Self {
            definition: Some(ConfigKeyInfo::of(report.key, prefix)),
            value: ConfigValueInfo {
                name: format!("{prefix}{}", report.key.name),
                value: report.value,
                recommended_values: report.recommended,
                errors: report.errors,
                visible: report.visible,
            },
        }
    }

    /// Makes the entry of a setting that has no definition here.
    #[must_use]
    pub fn undefined(name: &str, value: Option<String>) -> Self {
        Self {
            definition: None,
            value: ConfigValueInfo {
                name: name.to_owned(),
                value,
                recommended_values: Vec::new(),
                errors: Vec::new(),
                visible: true,
            },
        }
    }
}

impl ConfigInfos {
    /// Adds errors to the settings that they are about, and counts all.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<(String, String)>) -> Self {
        for (key, message) in errors {
            let found = self.configs.iter_mut().find(|info| info.value.name == key);
            match found {
                Some(info) => {
                    if !info.value.errors.contains(&message) {
                        info.value.errors.push(message);
                    }
                }
                None => {
                    let mut info = ConfigInfo::undefined(&key, None);
                    info.value.errors.push(message);
                    self.configs.push(info);
                }
            }
        }
        self.error_count = self.configs.iter().map(|info| info.value.errors.len()).sum();
        self
    }

    /// Shows references as they were given, and what they stand for nowhere.
    pub fn hide_resolved(&mut self, given: &Settings, resolved: &Resolved) {
        for ConfigInfo { value, .. } in &mut self.configs {
            let reference = given.get(&value.name);
            let is_shown = value.value.as_ref().is_some_and(|shown| shown != config::HIDDEN);
            if is_shown && reference != resolved.settings.get(&value.name) {
                value.value = reference.cloned();
            }
            for error in &mut value.errors {
                *error = config::redact(error, resolved.secrets.iter().map(String::as_str));
            }
        }
    }

    /// All errors, in the order of the settings.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.configs.iter().flat_map(|info| info.value.errors.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_join_the_settings_that_they_are_about() {
        let infos = ConfigInfos {
            name: "c".into(),
            error_count: 0,
            groups: Vec::new(),
            configs: vec![ConfigInfo::undefined("a", None)],
        };
        let infos = infos.with_errors(vec![
            ("a".into(), "one".into()),
            ("a".into(), "one".into()),
            ("b".into(), "two".into()),
        ]);
        assert_eq!(infos.error_count, 2);
        assert_eq!(infos.errors().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(infos.configs[1].value.name, "b");
    }
}
