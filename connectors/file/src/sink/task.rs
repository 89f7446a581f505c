//! The task: records into lines of text, a batch at a time.
//!
//! A line is the text form of the record's value, as Java's `toString` gives it, and `\n`. The
//! file is synced before offsets are committed, so a committed record is on the disk.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use connect_api::connector::Settings;
use connect_api::{ConnectError, Result, SinkRecord, SinkTask, SinkTaskContext, Value};

use super::connector::{CONFIG, file_of};
use super::shared::{OpenError, SharedFile};

/// Name of the setting that holds the connector's name; the worker gives it to every task.
const NAME: &str = "name";

/// How long a start waits for a file that another sink has open: that one may be stopping.
const IN_USE_WAIT: Duration = Duration::from_secs(2);

/// How often it looks again meanwhile.
const IN_USE_RETRY: Duration = Duration::from_millis(50);

/// Largest buffer that is kept from batch to batch, in bytes.
const KEPT_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Appends records to one file, or to standard output.
#[derive(Default)]
pub(super) struct FileStreamSinkTask {
    running: Option<Running>,
}

struct Running {
    /// None for standard output.
    path: Option<PathBuf>,
    owner: String,
    file: Arc<SharedFile>,
    buffer: String,
}

impl FileStreamSinkTask {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn running(&mut self) -> Result<&mut Running> {
        let not_started = || ConnectError::fatal("the file sink task has not been started");
        self.running.as_mut().ok_or_else(not_started)
    }
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn start(
        &mut self,
        _context: Arc<dyn SinkTaskContext>,
        settings: &Settings,
    ) -> Result<()> {
        CONFIG.parse(settings).map_err(|errors| ConnectError::fatal(errors.to_string()))?;
        let owner = settings.get(NAME).cloned().unwrap_or_default();
        let path = file_of(settings).map(PathBuf::from);
        let file = match &path {
            Some(path) => open_when_free(path, &owner).await?,
            None => SharedFile::standard_output(&owner)?,
        };
        self.running = Some(Running { path, owner, file, buffer: String::new() });
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let running = self.running()?;
        running.follow_name()?;
        running.buffer.clear();
        for record in records {
            write_line(&mut running.buffer, &record.value);
        }
        let outcome = running.file.append(running.buffer.as_bytes());
        if running.buffer.capacity() > KEPT_BUFFER_BYTES {
            running.buffer = String::new();
        }
        Ok(outcome?)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(self.running()?.file.sync()?)
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

impl Running {
    /// Opens the file anew if somebody has moved or removed the one that is open, whose records
    /// would be lost to the eye.
    fn follow_name(&mut self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if !self.file.has_lost_its_name(path)? {
            return Ok(());
        }
        tracing::warn!(file = %path.display(), "file was moved or removed: making a new one");
        // What it holds is not committed yet, and after this nobody would sync it.
        self.file.sync()?;
        self.file = SharedFile::open(path, &self.owner)?;
        Ok(())
    }
}

async fn open_when_free(path: &Path, owner: &str) -> Result<Arc<SharedFile>, OpenError> {
    let deadline = Instant::now() + IN_USE_WAIT;
    loop {
        match SharedFile::open(path, owner) {
            Err(error) if error.is_in_use() && Instant::now() < deadline => {
                tokio::time::sleep(IN_USE_RETRY).await;
            }
            outcome => return outcome,
        }
    }
}

fn write_line(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => out.push_str(text),
        other => write!(out, "{other}").expect("a string takes any text"),
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_the_text_form_of_the_value() {
        let mut out = String::new();
        let map = Value::Map(vec![(Value::from("some_key"), Value::Int64(0))]);
        for value in [Value::from("a b"), Value::Null, Value::Int32(7), map, Value::from("")] {
            write_line(&mut out, &value);
        }
        assert_eq!(out, "a b\nnull\n7\n{some_key=0}\n\n");
    }
}
