//! The connector: settings, checks, and the one task that reads the file.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use config::{ConfigDef, Importance, Key};
use connect_api::connector::Settings;
use connect_api::{
    ConnectError, ConnectorContext, ExactlyOnceSupport, OffsetMap, PartitionMap, Result,
    SourceConnector, SourceTask, Value,
};

use super::task::FileStreamSourceTask;

/// Name of the setting that holds the file's path.
pub(super) const FILE: &str = "file";
/// Name of the setting that holds the topic.
pub(super) const TOPIC: &str = "topic";
/// Name of the setting that holds the size of a batch.
pub(super) const BATCH_SIZE: &str = "batch.size";
/// Key of the file's name in a source partition, as in Java.
pub(super) const FILENAME: &str = "filename";
/// Key of the position in a source offset, as in Java.
pub(super) const POSITION: &str = "position";

/// Settings of the file source.
pub(super) static CONFIG: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([
        Key::string(FILE).default_null().importance(Importance::High).doc(
            "File to read; it may grow, be truncated, rotated or replaced, and need not \
                  exist yet. Standard input when absent.",
        ),
        Key::string(TOPIC)
            .required()
            .non_empty()
            .importance(Importance::High)
            .doc("Topic that receives the lines, one record each."),
        Key::int(BATCH_SIZE)
            .default_value(2000)
            .at_least(1)
            .importance(Importance::Low)
            .doc("Most lines that are handed on at a time."),
    ])
});

/// Reads a text file line by line into a topic: `FileStreamSourceConnector`.
#[derive(Debug, Default)]
pub struct FileStreamSourceConnector {
    settings: Settings,
}

impl FileStreamSourceConnector {
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
impl SourceConnector for FileStreamSourceConnector {
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
        // A file is read by one task, however many are allowed.
        Ok(std::iter::repeat_n(self.settings.clone(), max_tasks.min(1)).collect())
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FileStreamSourceTask::new())
    }

    async fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let Some(file) = file_of(settings) else { return Vec::new() };
        match std::fs::metadata(Path::new(file)) {
            Ok(metadata) if !metadata.is_file() => vec![(
                FILE.to_owned(),
                format!("Invalid value {file} for configuration {FILE}: Not a regular file"),
            )],
            _ => Vec::new(),
        }
    }

    fn exactly_once_support(&self, settings: &Settings) -> ExactlyOnceSupport {
        match file_of(settings) {
            Some(_) => ExactlyOnceSupport::Supported,
            None => ExactlyOnceSupport::Unsupported,
        }
    }

    fn alter_offsets(
        &self,
        settings: &Settings,
        offsets: &[(PartitionMap, Option<OffsetMap>)],
    ) -> Result<bool> {
        if file_of(settings).is_none() {
            return Err(ConnectError::fatal(format!(
                "Offsets cannot be modified if the '{FILE}' configuration is unspecified: \
                 standard input is read then, which has no offsets"
            )));
        }
        for (partition, offset) in offsets {
            // Without an offset the partition is reset, whatever it is; it may be one of an
            // earlier configuration.
            if let Some(offset) = offset {
                check_offset(offset)?;
                if partition.get(FILENAME).is_none() {
                    return Err(ConnectError::fatal(format!(
                        "Partition objects should contain the key '{FILENAME}'"
                    )));
                }
            }
        }
        Ok(true)
    }

    async fn stop(&mut self) {}
}

fn check_offset(offset: &OffsetMap) -> Result<()> {
    let refuse = |message: &str| Err(ConnectError::fatal(message.replace("{}", POSITION)));
    match offset.get(POSITION) {
        None => refuse("Offset objects should either be null or contain the key '{}'"),
        Some(Value::Int64(0..)) => Ok(()),
        Some(Value::Int64(_)) => {
            refuse("The value for the '{}' key in the offset should be a non-negative value")
        }
        Some(_) => {
            refuse("The value for the '{}' key in the offset is expected to be a Long value")
        }
    }
}
