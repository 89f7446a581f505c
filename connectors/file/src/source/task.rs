//! The task: lines into records, with the place to resume from in each.
//!
//! | part of a record | content |
//! |---|---|
//! | source partition | `{"filename": <file as configured>}`; null for standard input |
//! | source offset | `{"position": <bytes after the line>}`; null for standard input |
//! | key | null, no schema |
//! | value | the line without its end, schema: required string |
//! | timestamp | when the batch was read |
//!
//! The last record of a batch carries a second member in its offset, `fingerprint`, by which a
//! file that was replaced while nobody read it is recognised; Java reads `position` alone.

use std::io::Stdin;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use connect_api::connector::Settings;
use connect_api::{
    ConnectError, OffsetMap, PartitionMap, Result, Schema, SourceRecord, SourceTask,
    SourceTaskContext, Value,
};

use super::connector::{BATCH_SIZE, CONFIG, FILENAME, POSITION, TOPIC, file_of};
use super::identity::Fingerprint;
use super::lines::LONGEST_LINE_BYTES;
use super::standard_input::{ASK_EVERY, LineStream};
use super::tail::{Progress, RECONCILE, Resume, Tail};
use super::text::decode;
use super::watch::FileWatch;

/// Key of the second member of an offset.
const FINGERPRINT: &str = "fingerprint";

/// Reads the lines of one file, or of standard input.
#[derive(Default)]
pub(super) struct FileStreamSourceTask {
    running: Option<Running>,
}

struct Running {
    input: Input,
    records: RecordMaker,
    batch_size: usize,
}

enum Input {
    File(Box<FileInput>),
    Standard(LineStream<Stdin>),
}

struct FileInput {
    tail: Tail,
    watch: FileWatch,
}

/// What the records of a task have in common.
struct RecordMaker {
    partition: Arc<PartitionMap>,
    position_key: Arc<str>,
    topic: Arc<str>,
    schema: Arc<Schema>,
}

impl FileStreamSourceTask {
    pub(super) fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl SourceTask for FileStreamSourceTask {
    async fn start(&mut self, context: SourceTaskContext, settings: &Settings) -> Result<()> {
        let config =
            CONFIG.parse(settings).map_err(|errors| ConnectError::fatal(errors.to_string()))?;
        let file = file_of(settings);
        let name = file.map_or(Value::Null, Value::from);
        let partition = Arc::new(PartitionMap::new([(FILENAME, name)]));
        let input = match file {
            Some(file) => {
                let resume = match context.offsets.offset(&partition).await? {
                    Some(offset) => resume_from(&offset)?,
                    None => None,
                };
                let path = Path::new(file);
                // The watch comes first: what happens after the first look has an event then.
                let watch = FileWatch::new(path);
                let tail = Tail::new(path, resume, LONGEST_LINE_BYTES);
                Input::File(Box::new(FileInput { tail, watch }))
            }
            None => Input::Standard(LineStream::new(std::io::stdin(), LONGEST_LINE_BYTES)),
        };
        self.running = Some(Running {
            input,
            records: RecordMaker {
                partition,
                position_key: Arc::from(POSITION),
                topic: Arc::from(config.string(TOPIC)),
                schema: Schema::string(),
            },
            batch_size: usize::try_from(config.int(BATCH_SIZE)).unwrap_or(1),
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        let Some(Running { input, records, batch_size }) = &mut self.running else {
            return Err(ConnectError::fatal("the file source task has not been started"));
        };
        match input {
            Input::File(input) => input.poll(records, *batch_size).await,
            Input::Standard(stream) => poll_stream(stream, records, *batch_size).await,
        }
    }

    async fn stop(&mut self) {
        self.running = None;
    }
}

/// Reads a stored offset; none when it says nothing.
fn resume_from(offset: &OffsetMap) -> Result<Option<Resume>> {
    let position = match offset.get(POSITION) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Int64(position)) => *position,
        Some(other) => {
            return Err(ConnectError::fatal(format!(
                "stored offset has a {POSITION} of type {}, expected int64",
                other.kind()
            )));
        }
    };
    let Ok(position) = u64::try_from(position) else {
        return Err(ConnectError::fatal(format!("stored offset has a {POSITION} of {position}")));
    };
    let fingerprint = offset
        .get(FINGERPRINT)
        .and_then(Value::as_str)
        .and_then(|text| Fingerprint::parse(text, position));
    Ok(Some(Resume { position, fingerprint }))
}

impl FileInput {
    async fn poll(&mut self, make: &RecordMaker, batch_size: usize) -> Result<Vec<SourceRecord>> {
        let (records, wait) = self.read(make, batch_size)?;
        if !records.is_empty() {
            return Ok(records);
        }
        if !self.watch.wait(wait).await {
            self.watch.refresh();
        }
        Ok(self.read(make, batch_size)?.0)
    }

    /// Reads a batch without waiting; with an empty one comes how long to wait for an event.
    fn read(
        &mut self,
        make: &RecordMaker,
        batch_size: usize,
    ) -> Result<(Vec<SourceRecord>, Duration)> {
        let now = Instant::now();
        let timestamp = now_ms();
        let mut records = Vec::new();
        self.tail.look()?;
        let wait = loop {
            while records.len() < batch_size
                && let Some(line) = self.tail.next_line()
            {
                let value = decode(line);
                let position = i64::try_from(self.tail.position()).unwrap_or(i64::MAX);
                if records.is_empty() {
                    records.reserve(batch_size.min(FIRST_RESERVE));
                }
                records.push(make.record(value, Value::Int64(position), timestamp));
            }
            if records.len() == batch_size {
                break Duration::ZERO;
            }
            match self.tail.advance(now) {
                Ok(Progress::More) => {}
                Ok(Progress::Idle(wait)) => break wait,
                // The lines before the error are good; the error comes again with the next call.
                Err(_) if !records.is_empty() => break Duration::ZERO,
                Err(error) => return Err(error.into()),
            }
        };
        if let Some(last) = records.last_mut() {
            let fingerprint = Value::String(self.tail.fingerprint().to_text());
            last.source_offset.insert(FINGERPRINT, fingerprint);
        }
        Ok((records, wait))
    }
}

/// Most records that room is made for before any is read.
const FIRST_RESERVE: usize = 2000;

/// Reads a batch of a stream, waiting for about a second for its first line.
async fn poll_stream(
    stream: &mut LineStream<Stdin>,
    make: &RecordMaker,
    batch_size: usize,
) -> Result<Vec<SourceRecord>> {
    let deadline = Instant::now() + RECONCILE;
    let mut records = Vec::new();
    loop {
        while records.len() < batch_size
            && let Some(line) = stream.next_line()
        {
            records.push(make.record(decode(line), Value::Null, now_ms()));
        }
        if records.len() == batch_size {
            return Ok(records);
        }
        match stream.advance() {
            Ok(true) => {}
            // The lines before an error are good; the error comes again with the next call.
            Ok(false) | Err(_) if !records.is_empty() => return Ok(records),
            Ok(false) if Instant::now() >= deadline => return Ok(records),
            Ok(false) => tokio::time::sleep(ASK_EVERY).await,
            Err(error) => return Err(error.into()),
        }
    }
}

impl RecordMaker {
    fn record(&self, value: String, position: Value, timestamp: i64) -> SourceRecord {
        SourceRecord {
            source_partition: Arc::clone(&self.partition),
            source_offset: OffsetMap::new([(Arc::clone(&self.position_key), position)]),
            topic: Arc::clone(&self.topic),
            partition: None,
            key_schema: None,
            key: Value::Null,
            value_schema: Some(Arc::clone(&self.schema)),
            value: Value::String(value),
            timestamp: Some(timestamp),
            headers: Vec::new(),
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
