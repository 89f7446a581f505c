//! The log on a disk that is full, fails, or lies.

use std::path::{Path, PathBuf};

use broker::log::{AppendError, LogConfig, Partition, ReadError, ReadLimit};
use protocol::ErrorCode;

use super::{
    disk::Disk,
    harness::{
        NOW_MS, TestClock, append, batch, open, partition, producer_batch, read_from, value, values,
    },
};

const PATH: &str = "/data";

fn file(name: &str) -> PathBuf {
    Path::new("/data/t-0").join(name)
}

fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 1000, index_interval_bytes: 150, ..LogConfig::default() }
}

#[test]
fn full_disk_fails_appends_but_not_reads_and_recovers_when_space_returns() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, producer_batch((9, 0), 0, &["a"])).unwrap();
    let size = disk.content(&file("00000000000000000000.log")).len();
    // Room for a part of a batch, then for none.
    for space in [30, 0] {
        disk.set_space(Some(space));
        let error = append(&log, producer_batch((9, 0), 1, &["b"])).unwrap_err();
        assert_eq!(error.code(), ErrorCode::KafkaStorageError);
        assert_eq!(values(&log), ["a"]);
        assert_eq!(disk.content(&file("00000000000000000000.log")).len(), size);
    }
    disk.set_space(None);
    assert_eq!(append(&log, producer_batch((9, 0), 1, &["b"])).unwrap().base_offset, 1);
    assert_eq!(values(&log), ["a", "b"]);
}

#[test]
fn full_disk_at_a_new_segment_or_a_new_partition_recovers_too() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, small_segments());
    disk.set_space(Some(0));
    assert!(append(&log, batch(&["a"])).is_err());
    disk.set_space(None);
    let value = "x".repeat(600);
    append(&log, batch(&[&value])).unwrap();
    disk.set_space(Some(100));
    assert!(append(&log, batch(&[&value])).is_err());
    disk.set_space(None);
    append(&log, batch(&[&value])).unwrap();
    assert_eq!(values(&log), [value.clone(), value]);
    logs.close().unwrap();
}

#[test]
fn failed_flush_acknowledges_nothing_and_takes_the_partition_offline() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["a"])).unwrap();
    disk.fail_syncs_of(Some("t-0/"));
    let error = append(&log, batch(&["lost"])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::KafkaStorageError);
    assert!(matches!(error, AppendError::Offline(_)), "{error:?}");
    // The disk works again, but what it holds of the file is unknown.
    disk.fail_syncs_of(None);
    let error = append(&log, batch(&["b"])).unwrap_err();
    assert!(matches!(error, AppendError::Offline(_)), "{error:?}");
    assert!(log.offline().unwrap().path.ends_with("00000000000000000000.log"));
    assert_eq!(values(&log), ["a"]);
    logs.close().unwrap();
    drop(log);
    disk.restart();
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    assert_eq!(values(&log), ["a"]);
    append(&log, batch(&["b"])).unwrap();
    assert_eq!(values(&log), ["a", "b"]);
}

#[test]
fn one_partition_offline_leaves_the_others_alone() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let other =
        logs.create_partition("u", 0, protocol::Uuid([8; 16]), LogConfig::default()).unwrap();
    let log = partition(&logs, LogConfig::default());
    disk.fail_syncs_of(Some("t-0/"));
    assert!(append(&log, batch(&["a"])).is_err());
    append(&other, batch(&["b"])).unwrap();
    assert_eq!(values(&other), ["b"]);
}

/// Ten values in several segments; the value is as long as makes them several.
fn fill(log: &std::sync::Arc<Partition>) -> Vec<String> {
    let sent: Vec<String> = (0..30).map(|n| format!("{n}{}", "x".repeat(80))).collect();
    for value in &sent {
        append(log, batch(&[value])).unwrap();
    }
    sent
}

#[test]
fn flipped_bit_in_a_cold_segment_is_corrupt_there_and_nowhere_else() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let sent = fill(&partition(&logs, small_segments()));
    logs.close().unwrap();
    // One bit inside the value of the third record.
    let path = file("00000000000000000000.log");
    let size = disk.content(&path).len() / 6 * 2 + 100;
    disk.edit(&path, |content| content[size] ^= 0x10);
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, small_segments());
    let mut found = Vec::new();
    let mut corrupt = Vec::new();
    for offset in 0..30 {
        match log.read(offset, 1, ReadLimit::HighWatermark) {
            Ok(read) => {
                let bytes = read.into_bytes().unwrap();
                let mut records = protocol::records::RecordIter::new(&bytes, 1 << 20).unwrap();
                found.push(value(&records.next().unwrap().unwrap()));
            }
            Err(ReadError::Corrupt { path: named, position }) => {
                assert_eq!(named, path);
                assert!(position > 0);
                corrupt.push(offset);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(corrupt.len(), 1, "{corrupt:?}");
    let bad = usize::try_from(corrupt[0]).unwrap();
    let mut expected = sent;
    expected.remove(bad);
    assert_eq!(found, expected);
    // A longer read ends before the damage.
    let before = log.read(0, 1 << 20, ReadLimit::HighWatermark).unwrap().into_bytes().unwrap();
    assert_eq!(protocol::records::Batches::new(&before).count(), bad);
    append(&log, batch(&["goes on"])).unwrap();
}

#[test]
fn damaged_header_below_the_durable_point_hides_only_its_own_batch() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let sent = fill(&partition(&logs, LogConfig::default()));
    drop(logs);
    disk.kill();
    let path = file("00000000000000000000.log");
    let batch_size = disk.content(&path).len() / 30;
    // Magic and length of the batch at about the middle.
    let start = find_batch(&disk.content(&path), 15);
    disk.edit(&path, |content| content[start + 8..start + 17].fill(0xee));
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    assert_eq!(log.log_end_offset(), 30);
    assert!(batch_size > 100);
    let first = log.read(0, 1 << 20, ReadLimit::HighWatermark).unwrap().into_bytes().unwrap();
    assert_eq!(protocol::records::Batches::new(&first).count(), 15);
    let error = read_from(&log, 15, 100).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CorruptMessage);
    append(&log, batch(&["goes on"])).unwrap();
    assert_eq!(value(&read_from(&log, 30, 100).unwrap()[0]), "goes on");
    assert_eq!(sent.len(), 30);
}

fn find_batch(content: &[u8], number: usize) -> usize {
    let mut batches = protocol::records::Batches::new(content);
    for _ in 0..number {
        batches.next().unwrap().unwrap();
    }
    batches.position()
}

/// Every answer that depends on an index.
fn answers(log: &Partition) -> Vec<String> {
    let mut answers = Vec::new();
    for offset in 0..30 {
        let read = log.read(offset, 200, ReadLimit::HighWatermark).unwrap();
        answers.push(format!("{:?}", read.into_bytes().unwrap()));
    }
    for ms in -1..31 {
        let found = log.offset_for_timestamp(NOW_MS + ms, ReadLimit::HighWatermark).unwrap();
        answers.push(format!("{found:?}"));
    }
    answers.push(format!("{:?}", log.max_timestamp_offset(ReadLimit::HighWatermark).unwrap()));
    answers
}

type Damage = fn(&mut Vec<u8>);

#[test]
fn missing_short_and_broken_indexes_are_rebuilt_with_the_same_answers() {
    let damages: [(&str, Damage); 6] = [
        ("emptied", Vec::clear),
        ("cut inside an entry", |content| content.truncate(content.len().saturating_sub(5))),
        ("cut by an offset entry", |content| content.truncate(content.len().saturating_sub(8))),
        ("cut by a time entry", |content| content.truncate(content.len().saturating_sub(12))),
        ("zeroed", |content| content.fill(0)),
        ("pointing outside", |content| content.fill(0x7f)),
    ];
    for (what, damage) in damages {
        let disk = Disk::new(1);
        let clock = TestClock::new();
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let log = partition(&logs, small_segments());
        let mut bases = Vec::new();
        for n in 0..30 {
            let value = "x".repeat(80);
            let record = [(NOW_MS + (n * 7) % 30, value.as_str())];
            let batch = super::harness::timed_batch(&record, protocol::records::Compression::None);
            append(&log, batch).unwrap();
            let name = file(&format!("{n:020}.log"));
            if disk.exists(&name) {
                bases.push(n);
            }
        }
        let expected = answers(&log);
        drop(log);
        logs.close().unwrap();
        for base in &bases {
            for suffix in ["index", "timeindex"] {
                disk.edit(&file(&format!("{base:020}.{suffix}")), damage);
            }
        }
        assert!(bases.len() > 3, "several segments");
        let logs = open(disk, Path::new(PATH), &clock);
        assert_eq!(answers(&partition(&logs, small_segments())), expected, "{what}");
    }
}

#[test]
fn mark_of_a_clean_stop_that_comes_back_is_not_believed() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    append(&partition(&logs, LogConfig::default()), batch(&["a"])).unwrap();
    logs.close().unwrap();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    append(&partition(&logs, LogConfig::default()), batch(&["b"])).unwrap();
    drop(logs);
    // The removal of the mark was lost, and so was a part of an unflushed batch.
    disk.kill();
    let mark = Path::new("/data/.kafka_cleanshutdown");
    {
        use broker::log::{FileSystem, OpenMode};
        disk.open(mark, OpenMode::Create).unwrap();
    }
    disk.edit(&file("00000000000000000000.log"), |content| {
        let torn = batch(&["c"]);
        content.extend_from_slice(&torn[..torn.len() - 1]);
        content.push(0xaa);
    });
    let logs = open(disk, Path::new(PATH), &clock);
    assert_eq!(values(&partition(&logs, LogConfig::default())), ["a", "b"]);
}
