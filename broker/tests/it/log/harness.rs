//! What the tests of the log share: a clock to turn, batches to append, a log directory to open.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use broker::log::{
    AppendError, AppendOptions, Appended, Clock, Durability, FileSystem, LogConfig, LogDirectory,
    LogDirectoryConfig, Origin, Partition, ReadError, ReadLimit,
};
use bytes::Bytes;
use protocol::{
    Uuid,
    records::{BatchBuilder, Batches, Compression, NewRecord, Record, RecordIter},
};

/// When the tests take place, in ms.
pub(super) const NOW_MS: i64 = 1_700_000_000_000;

/// Topic id of the topic `t`.
pub(super) const TOPIC_ID: Uuid = Uuid([7; 16]);

/// A clock that only the test turns.
#[derive(Debug)]
pub(super) struct TestClock {
    now_ms: AtomicI64,
    monotonic: Mutex<Duration>,
}

impl TestClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(NOW_MS), monotonic: Mutex::default() })
    }

    pub(super) fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
        *self.monotonic.lock().unwrap() += by;
    }

    /// Turns the wall clock back; monotonic time does not notice.
    pub(super) fn set_back(&self, by: Duration) {
        self.now_ms.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        *self.monotonic.lock().unwrap()
    }
}

/// Opens a log directory.
pub(super) fn open(
    fs: impl FileSystem + 'static,
    path: &Path,
    clock: &Arc<TestClock>,
) -> LogDirectory {
    let settings =
        LogDirectoryConfig { cluster_id: Some("test".to_owned()), ..LogDirectoryConfig::new(path) };
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    LogDirectory::open(settings, Arc::new(fs), clock).unwrap()
}

/// Partition 0 of topic `t`.
pub(super) fn partition(logs: &LogDirectory, config: LogConfig) -> Arc<Partition> {
    logs.create_partition("t", 0, TOPIC_ID, config).unwrap()
}

/// A batch with these values, a ms apart.
pub(super) fn batch(values: &[&str]) -> Bytes {
    let records: Vec<_> = (NOW_MS..).zip(values.iter().copied()).collect();
    timed_batch(&records, Compression::None)
}

/// A batch with these timestamps and values.
pub(super) fn timed_batch(records: &[(i64, &str)], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for (timestamp, value) in records {
        builder.push(NewRecord {
            timestamp: *timestamp,
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            headers: &[],
        });
    }
    builder.build().unwrap()
}

/// A batch of an idempotent producer.
pub(super) fn producer_batch((id, epoch): (i64, i16), sequence: i32, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).producer(id, epoch, sequence);
    for value in values {
        builder.push(NewRecord {
            timestamp: NOW_MS,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        });
    }
    builder.build().unwrap()
}

/// Options of a client that waits for the flush.
pub(super) const FLUSHED: AppendOptions =
    AppendOptions { origin: Origin::Client, durability: Durability::Flushed };
/// Options of a client that waits for the write.
pub(super) const WRITTEN: AppendOptions =
    AppendOptions { origin: Origin::Client, durability: Durability::Written };

/// Runs a future to its end, within a deadline.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), future).await.expect("done in time")
    })
}

/// Appends and waits for the flush.
pub(super) fn append(partition: &Arc<Partition>, batch: Bytes) -> Result<Appended, AppendError> {
    wait(partition.append(batch, FLUSHED))
}

/// Reads all records from an offset on.
pub(super) fn read_from(
    partition: &Partition,
    mut offset: i64,
    max_bytes: usize,
) -> Result<Vec<Record>, ReadError> {
    let mut records = Vec::new();
    loop {
        let bytes = partition.read(offset, max_bytes, ReadLimit::HighWatermark)?.into_bytes()?;
        if bytes.is_empty() {
            return Ok(records);
        }
        let mut batches = Batches::new(&bytes);
        let mut start = 0;
        for found in batches.by_ref() {
            let (header, slice) = found.unwrap();
            let end = start + slice.len();
            for record in RecordIter::new(&bytes.slice(start..end), 1 << 20).unwrap() {
                records.push(record.unwrap());
            }
            offset = header.next_offset();
            start = end;
        }
        assert!(batches.rest().is_empty(), "a read returns whole batches");
    }
}

/// Reads all values, and checks that their offsets have no gap.
pub(super) fn values(partition: &Partition) -> Vec<String> {
    let records = read_from(partition, partition.log_start_offset(), 4096).unwrap();
    for (before, after) in records.iter().zip(records.iter().skip(1)) {
        assert_eq!(before.offset + 1, after.offset, "offsets have no gap");
    }
    records.iter().map(value).collect()
}

/// The value of a record as text.
pub(super) fn value(record: &Record) -> String {
    String::from_utf8(record.value.as_ref().unwrap().to_vec()).unwrap()
}
