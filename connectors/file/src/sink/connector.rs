//! The connector: its one setting, and as many tasks as are allowed.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use config::{ConfigDef, Importance, Key};
use connect_api::connector::Settings;
use connect_api::{ConnectError, ConnectorContext, Result, SinkConnector, SinkTask};

use super::task::FileStreamSinkTask;

/// Name of the setting that holds the file's path.
const FILE: &str = "file";

/// Settings of the file sink.
pub(super) static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([Key::string(FILE).default_null().importance(Importance::High).doc(
        "File to append to; it is made when missing, its directory is not. Standard output \
              when absent.",
    )])
});

/// Appends records to a text file, one line each: `FileStreamSinkConnector`.
#[derive(Debug, Default)]
pub struct FileStreamSinkConnector {
    settings: Settings,
}

impl FileStreamSinkConnector {
    /// Makes a connector that has not been started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Returns the configured file, the empty text being none.
pub(super) fn file_of(settings: &Settings) -> Option<&str> {
    settings.get(FILE).map(|file| file.trim()).filter(|file| !file.is_empty())
}

#[async_trait]
impl SinkConnector for FileStreamSinkConnector {
    fn config(&self) -> &'static ConfigDef {
        &CONFIG
    }

    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    async fn start(
        &mut self,
        _context: Arc<dyn ConnectorContext>,
        settings: &Settings,
    ) -> Result<()> {
        CONFIG.parse(settings).map_err(|errors| ConnectError::fatal(errors.to_string()))?;
        self.settings = settings.clone();
        Ok(())
    }

    fn task_configs(&self, max_tasks: usize) -> Result<Vec<Settings>> {
        Ok(vec![self.settings.clone(); max_tasks])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FileStreamSinkTask::new())
    }

    async fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let Some(file) = file_of(settings) else { return Vec::new() };
        if Path::new(file).is_dir() {
            let message = format!("Invalid value {file} for configuration {FILE}: Is a directory");
            return vec![(FILE.to_owned(), message)];
        }
        Vec::new()
    }

    async fn stop(&mut self) {}
}
