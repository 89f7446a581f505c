//! What the herder shows of its connectors: a snapshot that readers take without asking it.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect_api::connector::Settings;
use serde::Serialize;

use super::plan::Target;
use crate::plugin::PluginKind;

/// All connectors, by name.
pub type View = BTreeMap<Arc<str>, ConnectorView>;

/// One connector, as wanted.
#[derive(Debug, Clone)]
pub struct ConnectorView {
    /// Its settings as given: references are not resolved.
    pub config: Arc<Settings>,
    /// Source or sink.
    pub kind: PluginKind,
    /// The state it is to be in.
    pub target: Target,
    /// The settings of its tasks, without resolved secrets.
    pub tasks: Arc<[Settings]>,
}

/// A connector, as the REST API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectorInfo {
    /// Name.
    pub name: String,
    /// Settings.
    pub config: Settings,
    /// Tasks.
    pub tasks: Vec<ConnectorTaskId>,
    /// `source` or `sink`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A task, as the REST API names it.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectorTaskId {
    /// Name of the connector.
    pub connector: String,
    /// Number of the task.
    pub task: usize,
}

/// A task and its settings, as the REST API shows them.
#[derive(Debug, Clone, Serialize)]
pub struct TaskInfo {
    /// Which task.
    pub id: ConnectorTaskId,
    /// Its settings.
    pub config: Settings,
}

impl ConnectorView {
    /// The form that the REST API shows.
    #[must_use]
    pub fn info(&self, name: &str) -> ConnectorInfo {
        let task_id = |task| ConnectorTaskId { connector: name.to_owned(), task };
        ConnectorInfo {
            name: name.to_owned(),
            config: (*self.config).clone(),
            tasks: (0..self.tasks.len()).map(task_id).collect(),
            kind: self.kind.name(),
        }
    }

    /// The tasks in the form that the REST API shows.
    #[must_use]
    pub fn task_infos(&self, name: &str) -> Vec<TaskInfo> {
        let info = |(task, config): (usize, &Settings)| TaskInfo {
            id: ConnectorTaskId { connector: name.to_owned(), task },
            config: config.clone(),
        };
        self.tasks.iter().enumerate().map(info).collect()
    }
}

/// Puts references back where resolved values stand in task settings.
#[must_use]
pub fn without_secrets(task: &Settings, raw: &Settings, secrets: &[String]) -> Settings {
    let shown = |(key, value): (&String, &String)| {
        let original = raw.get(key).filter(|original| original.contains("${"));
        let value = match original {
            Some(original) => original.clone(),
            None => config::redact(value, secrets.iter().map(String::as_str)),
        };
        (key.clone(), value)
    };
    task.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolved_secrets_do_not_show_in_task_settings() {
        let raw = Settings::from([("password".into(), "${env:PW}".into())]);
        let task = Settings::from([
            ("password".into(), "hunter22".into()),
            ("url".into(), "db?password=hunter22".into()),
        ]);
        let shown = without_secrets(&task, &raw, &["hunter22".into()]);
        assert_eq!(shown["password"], "${env:PW}");
        assert!(!shown["url"].contains("hunter22"), "{}", shown["url"]);
    }
}
