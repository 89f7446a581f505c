//! The log through power cuts at any moment, on a disk that loses what was not synced.

use std::{path::Path, sync::Arc};

use broker::log::{LogConfig, LogDirectory, Partition};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    disk::Disk,
    harness::{
        FLUSHED, NOW_MS, TOPIC_ID, TestClock, WRITTEN, append, batch, open, partition,
        producer_batch, read_from, value, values, wait,
    },
};

const PATH: &str = "/data";
const PRODUCER: (i64, i16) = (42, 0);
/// Batches under way at once; what a producer may repeat.
const IN_FLIGHT: usize = 5;

fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 1500, index_interval_bytes: 200, ..LogConfig::default() }
}

/// What a producer sent, batch by batch, and what it was told.
#[derive(Default)]
struct History {
    /// Values of each batch.
    sent: Vec<Vec<String>>,
    /// Base offset of each batch that was acknowledged as flushed.
    acknowledged: Vec<Option<i64>>,
}

impl History {
    fn add(&mut self, random: &mut StdRng) {
        let first: usize = self.sent.iter().map(Vec::len).sum();
        let count = random.random_range(1..4);
        let padding = "x".repeat(random.random_range(0..300));
        self.sent.push((first..first + count).map(|n| format!("{n}{padding}")).collect());
        self.acknowledged.push(None);
    }

    fn sequence(&self, batch: usize) -> i32 {
        let before: usize = self.sent[..batch].iter().map(Vec::len).sum();
        i32::try_from(before).unwrap()
    }

    /// The log holds a prefix of what was sent, once, with all that was acknowledged.
    fn check_prefix(&self, partition: &Partition, context: &str) {
        let found = values(partition);
        let sent: Vec<&String> = self.sent.iter().flatten().collect();
        assert!(found.len() <= sent.len(), "{context}: records were invented");
        for (at, value) in found.iter().enumerate() {
            assert_eq!(value, sent[at], "{context}: record {at}");
        }
        for (batch, offset) in self.acknowledged.iter().enumerate() {
            let Some(offset) = offset else { continue };
            assert_eq!(*offset, i64::from(self.sequence(batch)), "{context}: offset of {batch}");
            let end: usize = self.sent[..=batch].iter().map(Vec::len).sum();
            assert!(end <= found.len(), "{context}: batch {batch} was acknowledged and is lost");
        }
    }

    /// Sends what was not acknowledged, a few batches at once, until the disk fails.
    fn send(&mut self, partition: &Arc<Partition>) -> bool {
        let mut next =
            self.acknowledged.iter().position(Option::is_none).unwrap_or(self.sent.len());
        while next < self.sent.len() {
            let last = (next + IN_FLIGHT).min(self.sent.len());
            let mut pending = Vec::new();
            for batch in next..last {
                let values: Vec<&str> = self.sent[batch].iter().map(String::as_str).collect();
                let bytes = producer_batch(PRODUCER, self.sequence(batch), &values);
                pending.push(wait(partition.submit(bytes, FLUSHED)).unwrap());
            }
            for (batch, pending) in (next..last).zip(pending) {
                match wait(pending.finish()) {
                    Ok(appended) => self.acknowledged[batch] = Some(appended.base_offset),
                    Err(error) => {
                        assert_eq!(error.code(), protocol::ErrorCode::KafkaStorageError, "{error}");
                        return false;
                    }
                }
            }
            next = last;
        }
        true
    }
}

fn run_seed(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let disk = Disk::new(seed);
    let clock = TestClock::new();
    let mut history = History::default();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    logs.close().unwrap();
    for cycle in 0..4 {
        let context = format!("seed {seed}, cycle {cycle}");
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let log = partition(&logs, small_segments());
        history.check_prefix(&log, &context);
        for _ in 0..random.random_range(5..25) {
            history.add(&mut random);
        }
        disk.power_off_after(random.random_range(1..120));
        let all_sent = history.send(&log);
        if all_sent && random.random() {
            // The power may go while the directory is being closed.
            let _ = logs.close();
        }
        drop((log, logs));
        if random.random_ratio(1, 5) {
            disk.power_off_after(u64::MAX);
            disk.kill();
        }
        disk.restart();
    }
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, small_segments());
    history.check_prefix(&log, &format!("seed {seed}, end"));
    assert!(history.send(&log), "seed {seed}");
    let sent: Vec<&String> = history.sent.iter().flatten().collect();
    assert_eq!(values(&log).iter().collect::<Vec<_>>(), sent, "seed {seed}: each record once");
}

#[test]
fn power_cuts_lose_nothing_acknowledged_and_repeat_nothing() {
    for seed in 0..300 {
        run_seed(seed);
    }
}

/// Appends without a producer id, some of which only wait for the write.
fn run_mixed_seed(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let disk = Disk::new(seed);
    let clock = TestClock::new();
    open(disk.clone(), Path::new(PATH), &clock).close().unwrap();
    let mut sent = std::collections::HashSet::new();
    let mut acknowledged = std::collections::BTreeMap::new();
    for cycle in 0..3 {
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let logs_partitions: Vec<_> = (0..3)
            .map(|n| logs.create_partition("m", n, TOPIC_ID, small_segments()).unwrap())
            .collect();
        check_mixed(&logs_partitions, &sent, &acknowledged, &format!("seed {seed}, cycle {cycle}"));
        disk.power_off_after(random.random_range(10..150));
        for n in 0..60 {
            let at = random.random_range(0..3);
            let value = format!("{cycle}-{n}");
            sent.insert(value.clone());
            let flushed = random.random();
            let options = if flushed { FLUSHED } else { WRITTEN };
            match wait(logs_partitions[at].append(batch(&[&value]), options)) {
                Ok(appended) if flushed => {
                    let before = acknowledged.insert((at, appended.base_offset), value);
                    assert_eq!(before, None, "seed {seed}: an offset was given twice");
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        drop((logs_partitions, logs));
        disk.restart();
    }
}

fn check_mixed(
    partitions: &[Arc<Partition>],
    sent: &std::collections::HashSet<String>,
    acknowledged: &std::collections::BTreeMap<(usize, i64), String>,
    context: &str,
) {
    let mut seen = std::collections::HashSet::new();
    for (at, partition) in partitions.iter().enumerate() {
        let records = read_from(partition, partition.log_start_offset(), 700).unwrap();
        for record in &records {
            let value = value(record);
            assert!(sent.contains(&value), "{context}: {value} was invented");
            assert!(seen.insert(value.clone()), "{context}: {value} is there twice");
            if let Some(expected) = acknowledged.get(&(at, record.offset)) {
                assert_eq!(expected, &value, "{context}");
            }
        }
        let end = records.last().map_or(0, |record| record.offset + 1);
        let lost = acknowledged.range((at, end)..(at + 1, 0)).next();
        assert_eq!(lost, None, "{context}: acknowledged and lost");
    }
}

#[test]
fn power_cuts_keep_every_flushed_record_of_several_partitions() {
    for seed in 1000..1150 {
        run_mixed_seed(seed);
    }
}

/// A log of three flushed batches and then one more; returns its file's content and lengths.
fn log_with_a_last_batch(disk: &Disk, clock: &Arc<TestClock>) -> (usize, usize) {
    let file = Path::new("/data/t-0/00000000000000000000.log");
    let logs = open(disk.clone(), Path::new(PATH), clock);
    let log = partition(&logs, LogConfig::default());
    for value in ["a", "b", "c"] {
        append(&log, batch(&[value])).unwrap();
    }
    let before = disk.content(file).len();
    append(&log, batch(&["last", "of", "all"])).unwrap();
    (before, disk.content(file).len())
}

#[test]
fn last_batch_torn_at_any_byte_is_cut_and_the_rest_is_served() {
    let file = Path::new("/data/t-0/00000000000000000000.log");
    let clock = TestClock::new();
    let disk = Disk::new(1);
    let (before, after) = log_with_a_last_batch(&disk, &clock);
    let whole = disk.content(file);
    disk.edit(Path::new("/data/durable-points"), Vec::clear);
    for cut in before..after {
        for fill in [None, Some(0), Some(0xff)] {
            if fill.is_some_and(|fill| whole[cut..].iter().all(|byte| *byte == fill)) {
                continue;
            }
            disk.kill();
            disk.edit(file, |content| {
                content.clone_from(&whole);
                content.truncate(cut);
                if let Some(fill) = fill {
                    content.resize(after, fill);
                }
            });
            let logs = open(disk.clone(), Path::new(PATH), &clock);
            let log = partition(&logs, LogConfig::default());
            assert_eq!(values(&log), ["a", "b", "c"], "cut at {cut}, fill {fill:?}");
            assert_eq!(append(&log, batch(&["next"])).unwrap().base_offset, 3);
            assert_eq!(values(&log).last().unwrap(), "next");
            drop((log, logs));
            disk.edit(Path::new("/data/durable-points"), Vec::clear);
        }
    }
}

#[test]
fn offsets_below_the_durable_point_are_never_given_out_again() {
    let file = Path::new("/data/t-0/00000000000000000000.log");
    let clock = TestClock::new();
    let disk = Disk::new(1);
    let (before, _) = log_with_a_last_batch(&disk, &clock);
    disk.kill();
    // The medium loses what it had said it has.
    disk.edit(file, |content| content.truncate(before));
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    assert_eq!(log.log_end_offset(), 6);
    assert_eq!(append(&log, batch(&["new"])).unwrap().base_offset, 6);
    assert_eq!(values_between(&log, 0, 3), ["a", "b", "c"]);
    let error = read_from(&log, 3, 4096).unwrap_err();
    assert_eq!(error.code(), protocol::ErrorCode::CorruptMessage);
    assert_eq!(value(&read_from(&log, 6, 4096).unwrap()[0]), "new");
    logs.close().unwrap();
    drop(log);
    // The loss stays visible after a stop in order.
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    let error = read_from(&log, 4, 4096).unwrap_err();
    assert_eq!(error.code(), protocol::ErrorCode::CorruptMessage);
    assert_eq!(value(&read_from(&log, 6, 4096).unwrap()[0]), "new");
}

fn values_between(log: &Partition, start: i64, end: i64) -> Vec<String> {
    let limit = broker::log::ReadLimit::HighWatermark;
    let mut found = Vec::new();
    let mut offset = start;
    while offset < end {
        let bytes = log.read(offset, 1, limit).unwrap().into_bytes().unwrap();
        for record in protocol::records::RecordIter::new(&bytes, 1 << 20).unwrap() {
            let record = record.unwrap();
            offset = record.offset + 1;
            found.push(value(&record));
        }
    }
    found
}

#[test]
fn kill_loses_nothing_that_was_written() {
    let clock = TestClock::new();
    let disk = Disk::new(1);
    let config = LogConfig { flush_policy: broker::log::FlushPolicy::Os, ..small_segments() };
    let logs: LogDirectory = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, config.clone());
    let sent: Vec<String> = (0..200).map(|n| format!("value {n}")).collect();
    for value in &sent {
        append(&log, batch(&[value])).unwrap();
    }
    disk.kill();
    drop((log, logs));
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, config);
    assert_eq!(values(&log), sent);
    let found = log.offset_for_timestamp(NOW_MS, broker::log::ReadLimit::HighWatermark).unwrap();
    assert_eq!(found.unwrap().offset, 0);
}
