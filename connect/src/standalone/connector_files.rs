//! Connectors given as files: `.properties`, or JSON (a flat map of settings, or an object with
//! `name`, `config` and `initial_state`, KIP-980).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::Properties;
use connect_api::connector::Settings;
use serde::Deserialize;
use serde_json::error::Category;
use serde_json::{Map, Value};

use crate::connector_config::NAME;
use crate::herder::Target;
use crate::rest::body::ConfigBody;

/// Larger files are no connector's.
const MAX_SIZE: u64 = 1024 * 1024;

/// A connector as a file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorFile {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub config: Settings,
    /// The state it begins in; started when absent.
    pub target: Option<Target>,
    /// Line of each setting, from 1; empty for JSON.
    pub lines: BTreeMap<String, usize>,
}

/// Why a connector's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorFileError {
    /// A properties file cannot be read.
    #[error("connector file: {0}")]
    Properties(#[from] config::properties::PropertiesError),
    /// A JSON file cannot be read.
    #[error("connector file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JSON file is far too large.
    #[error("connector file {} has {size} bytes, the limit is {MAX_SIZE}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// A JSON file is neither form.
    #[error("connector file {}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no name.
    #[error("connector file {}: missing required configuration \"name\"", path.display())]
    NoName {
        /// The file.
        path: PathBuf,
    },
}

#[derive(Deserialize)]
struct Named {
    name: String,
    config: ConfigBody,
    #[serde(default)]
    initial_state: Option<String>,
}

impl ConnectorFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`ConnectorFileError`] names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ConnectorFileError> {
        let file = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
            from_json(path)?
        } else {
            let properties = Properties::load(path)?;
            let lines = properties.iter().map(|entry| (entry.key.clone(), entry.line)).collect();
            Self { name: String::new(), config: properties.into_map(), target: None, lines }
        };
        file.named(path)
    }

    fn named(mut self, path: &Path) -> Result<Self, ConnectorFileError> {
        if self.name.is_empty() {
            self.name = self.config.get(NAME).map_or("", |name| name.trim()).to_owned();
        }
        if self.name.is_empty() {
            return Err(ConnectorFileError::NoName { path: path.into() });
        }
        self.config.insert(NAME.to_owned(), self.name.clone());
        Ok(self)
    }
}

fn from_json(path: &Path) -> Result<ConnectorFile, ConnectorFileError> {
    let io = |source| ConnectorFileError::Io { path: path.into(), source };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_SIZE {
        return Err(ConnectorFileError::TooLarge { path: path.into(), size });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let bad = |reason: String| ConnectorFileError::Json { path: path.into(), reason };
    let json: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|error| bad(malformed(&error)))?;
    if json.get("config").is_some_and(Value::is_object) {
        let named = serde_json::from_value::<Named>(Value::Object(json));
        let named = named.map_err(|error| bad(error.to_string()))?;
        let target = match named.initial_state.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None => None,
            Some("RUNNING") => Some(Target::Started),
            Some("PAUSED") => Some(Target::Paused),
            Some("STOPPED") => Some(Target::Stopped),
            Some(other) => {
                return Err(bad(format!(
                    "initial_state is {other}; expected RUNNING, PAUSED or STOPPED"
                )));
            }
        };
        let ConfigBody(config) = named.config;
        return Ok(ConnectorFile { name: named.name, config, target, lines: BTreeMap::new() });
    }
    let ConfigBody(config) =
        serde_json::from_value(Value::Object(json)).map_err(|error| bad(error.to_string()))?;
    Ok(ConnectorFile { name: String::new(), config, target: None, lines: BTreeMap::new() })
}

fn malformed(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof => format!("ends too early: {error}"),
        Category::Data => {
            format!("expected a map of texts, or an object with name and config: {error}")
        }
        Category::Syntax | Category::Io => format!("malformed JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &str) -> Result<ConnectorFile, ConnectorFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        ConnectorFile::read(&path)
    }

    #[test]
    fn all_three_forms_give_the_same_connector() {
        let properties = read("c.properties", "name=c\ntopic=t\n").unwrap();
        let flat = read("c.json", r#"{"name": "c", "topic": "t"}"#).unwrap();
        let named = read("c.json", r#"{"name": "c", "config": {"topic": "t"}}"#).unwrap();
        let lines = [("name".to_owned(), 1), ("topic".to_owned(), 2)];
        assert_eq!(properties.lines, BTreeMap::from(lines));
        assert_eq!(flat, named);
        assert_eq!(flat, ConnectorFile { lines: BTreeMap::new(), ..properties });
    }

    #[test]
    fn initial_state_is_read() {
        let text = r#"{"name": "c", "config": {}, "initial_state": "paused", "more": 1}"#;
        assert_eq!(read("c.json", text).unwrap().target, Some(Target::Paused));
    }

    #[track_caller]
    fn check_error(name: &str, content: &str, expected: &str) {
        let error = read(name, content).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(name), "{error}");
    }

    #[test]
    fn numbers_and_booleans_are_taken_as_their_text() {
        let flat = read("c.json", r#"{"name": "c", "tasks.max": 1, "b": true}"#).unwrap();
        let text = r#"{"name": "c", "config": {"tasks.max": 1, "b": true, "n": null}}"#;
        assert_eq!(flat, read("c.json", text).unwrap());
        assert_eq!(flat.config["tasks.max"], "1");
        assert_eq!(flat.config["b"], "true");
    }

    #[test]
    fn bad_files_are_named() {
        check_error("c.json", "{\"name\": \"c\", \"config\": {", "ends too early");
        check_error("c.json", "{\"name\": \"c\",}", "malformed JSON: trailing comma at line 1");
        check_error("c.json", "[1]", "expected a map of texts");
        let text = r#"{"name": "c", "config": {"topics": ["a"]}}"#;
        check_error("c.json", text, "the value of topics must be a text");
        check_error("c.properties", "topic=t\n", "missing required configuration \"name\"");
        let text = r#"{"name": "c", "config": {}, "initial_state": "on"}"#;
        check_error("c.json", text, "expected RUNNING, PAUSED or STOPPED");
        let error = ConnectorFile::read(Path::new("nowhere.properties")).unwrap_err();
        assert!(error.to_string().contains("nowhere.properties"), "{error}");
    }
}
