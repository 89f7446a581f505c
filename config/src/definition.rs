//! All settings of a component: parses and checks given ones, reports on each, documents them.

use std::collections::{BTreeMap, HashMap};

use crate::error::{ConfigError, ConfigErrors};
use crate::key::{Fallback, Key};
use crate::parsed::Config;
use crate::properties::Properties;
use crate::unknown::{self, UnknownKey};
use crate::value::ConfigValue;

/// Definitions of a component's settings, in order.
#[derive(Debug, Clone, Default)]
pub struct ConfigDef {
    keys: Vec<Key>,
    index: HashMap<String, usize>,
}

/// What validation says about one setting.
#[derive(Debug, Clone)]
pub struct KeyReport<'a> {
    /// The setting's definition.
    pub key: &'a Key,
    /// Its value as a settings file would hold it; `[hidden]` for a password; none when it has
    /// no value or an unreadable one.
    pub value: Option<String>,
    /// What is wrong with it, in Kafka's words; empty when nothing is.
    pub errors: Vec<String>,
    /// Values to offer.
    pub recommended: Vec<String>,
    /// Whether a form shows it, given the other values.
    pub visible: bool,
}

impl ConfigDef {
    /// Takes the definitions.
    ///
    /// # Panics
    ///
    /// A key is defined twice, or a default fails its own checks: mistakes in the definition.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let mut definition = Self::default();
        for key in keys {
            assert!(
                !definition.index.contains_key(&key.name),
                "Configuration {} is defined twice.",
                key.name
            );
            definition.put(key);
        }
        definition
    }

    /// Adds the definitions of another component; one of the same name is replaced in place.
    pub fn extend(&mut self, other: &Self) {
        for key in &other.keys {
            self.put(key.clone());
        }
    }

    /// Makes the definition that [`ConfigDef::extend`] would lead to.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.extend(other);
        all
    }

    /// Lists the keys in the order of their definition.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> + '_ {
        self.keys.iter()
    }

    /// Finds a key by its name.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.index.get(name).map(|&place| &self.keys[place])
    }

    /// Lists the groups in the order in which their first keys are defined.
    #[must_use]
    pub fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        for group in self.keys.iter().filter_map(|key| key.group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// Parses and checks given settings; unknown keys are ignored here.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once, in the order of the definitions.
    pub fn parse(&self, given: &BTreeMap<String, String>) -> Result<Config, ConfigErrors> {
        let mut values = BTreeMap::new();
        let mut errors = Vec::new();
        for key in &self.keys {
            match value_of(key, given) {
                Ok(value) => {
                    values.insert(key.name.clone(), value);
                }
                Err(error) => errors.push(error),
            }
        }
        match ConfigErrors::new(errors) {
            Some(errors) => Err(errors),
            None => Ok(Config::new(values, given.clone())),
        }
    }

    /// Reports on every setting, in the order of the definitions.
    #[must_use]
    pub fn validate(&self, given: &BTreeMap<String, String>) -> Vec<KeyReport<'_>> {
        self.keys
            .iter()
            .map(|key| {
                let (value, errors) = match value_of(key, given) {
                    Ok(value) => (value.to_text(), Vec::new()),
                    Err(error) => (self.readable(key, given), vec![error.to_string()]),
                };
                KeyReport {
                    key,
                    value,
                    errors,
                    recommended: key.recommended.clone(),
                    visible: self.is_visible(key, given),
                }
            })
            .collect()
    }

    /// Lists the given keys that nothing defines, with the nearest name that is defined.
    ///
    /// Keys that start with one of `allowed_prefixes` are somebody else's and not listed.
    #[must_use]
    pub fn unknown_keys(&self, given: &Properties, allowed_prefixes: &[&str]) -> Vec<UnknownKey> {
        let foreign = |key: &str| allowed_prefixes.iter().any(|prefix| key.starts_with(prefix));
        given
            .iter()
            .filter(|entry| self.key(&entry.key).is_none() && !foreign(&entry.key))
            .map(|entry| UnknownKey {
                key: entry.key.clone(),
                line: Some(entry.line),
                nearest: self.nearest(&entry.key),
            })
            .collect()
    }

    /// Finds the defined name that is nearest to a misspelt one.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.keys.iter().filter(|key| !key.internal).map(|key| key.name.as_str());
        unknown::nearest(name, names).map(str::to_owned)
    }

    /// Writes a Markdown table of the settings that are not internal.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = String::from(
            "| key | type | default | valid values | importance | meaning |\n|---|---|---|---|---|---|\n",
        );
        for key in self.keys.iter().filter(|key| !key.internal) {
            let default = match &key.fallback {
                Fallback::Required => "(required)".to_owned(),
                Fallback::Value(ConfigValue::Null) => "null".to_owned(),
                Fallback::Value(value) => format!("`{}`", value.to_text().unwrap_or_default()),
            };
            let cells = [
                format!("`{}`", key.name),
                key.config_type.name().to_lowercase(),
                if default == "``" { "\"\"".to_owned() } else { default },
                key.valid_values(),
                key.importance.name().to_lowercase(),
                key.documentation.replace('\n', " "),
            ];
            for cell in &cells {
                out.push_str("| ");
                out.push_str(&cell.replace('|', "\\|"));
                out.push(' ');
            }
            out.push_str("|\n");
        }
        out
    }

    fn put(&mut self, key: Key) {
        if let Fallback::Value(value) = &key.fallback
            && let Err(error) = key.check(value)
        {
            panic!("default: {error}");
        }
        match self.index.get(&key.name) {
            Some(&place) => self.keys[place] = key,
            None => {
                self.index.insert(key.name.clone(), self.keys.len());
                self.keys.push(key);
            }
        }
    }

    /// The text of a value that is of the right type but fails a check, as Kafka reports it.
    fn readable(&self, key: &Key, given: &BTreeMap<String, String>) -> Option<String> {
        let text = given.get(&key.name)?;
        key.config_type.parse(text).ok().and_then(|value| value.to_text())
    }

    fn is_visible(&self, key: &Key, given: &BTreeMap<String, String>) -> bool {
        let Some(condition) = &key.visible_when else { return true };
        let Some(other) = self.key(&condition.key) else { return false };
        let text = value_of(other, given).ok().and_then(|value| value.to_text());
        text.is_some_and(|text| condition.values.iter().any(|v| v.eq_ignore_ascii_case(&text)))
    }
}

fn value_of(key: &Key, given: &BTreeMap<String, String>) -> Result<ConfigValue, ConfigError> {
    match (given.get(&key.name), &key.fallback) {
        (Some(text), _) => key.parse(text),
        (None, Fallback::Value(value)) => Ok(value.clone()),
        (None, Fallback::Required) => Err(ConfigError::Missing { key: key.name.clone() }),
    }
}
