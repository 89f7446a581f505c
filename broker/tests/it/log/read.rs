//! What a read returns, and how records are found by their time.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use broker::log::{FlushPolicy, LogConfig, OsFileSystem, ReadLimit};
use proptest::prelude::*;
use protocol::{
    ErrorCode,
    records::{BatchHeader, Compression},
};

use super::{
    disk::Disk,
    harness::{
        NOW_MS, TestClock, append, batch, open, partition, read_from, timed_batch, value, values,
    },
};

const PATH: &str = "/data";

#[test]
fn offset_inside_a_batch_returns_the_whole_batch() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["a", "b", "c"])).unwrap();
    append(&log, batch(&["d"])).unwrap();
    for (offset, base) in [(0, 0), (1, 0), (2, 0), (3, 3)] {
        let bytes = log.read(offset, 1, ReadLimit::HighWatermark).unwrap().into_bytes().unwrap();
        let header = BatchHeader::parse(&bytes).unwrap();
        assert_eq!((header.base_offset, header.size_in_bytes()), (base, bytes.len()), "{offset}");
    }
    assert!(log.read(4, 1, ReadLimit::HighWatermark).unwrap().is_empty());
    for offset in [-1, 5] {
        let error = log.read(offset, 1, ReadLimit::HighWatermark).unwrap_err();
        assert_eq!(error.code(), ErrorCode::OffsetOutOfRange, "{offset}");
    }
}

#[test]
fn read_returns_as_many_whole_batches_as_fit() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let config = LogConfig { index_interval_bytes: 100, ..LogConfig::default() };
    let log = partition(&logs, config);
    let one = batch(&["x"]);
    for _ in 0..20 {
        append(&log, one.clone()).unwrap();
    }
    for (offset, max_bytes, expected) in [
        (0, 0, 1),
        (0, one.len() - 1, 1),
        (0, one.len(), 1),
        (0, 2 * one.len() - 1, 1),
        (0, 2 * one.len(), 2),
        (3, 7 * one.len() + 5, 7),
        (15, 100 * one.len(), 5),
        (19, usize::MAX, 1),
    ] {
        let read = log.read(offset, max_bytes, ReadLimit::HighWatermark).unwrap();
        assert_eq!(read.len(), expected * one.len(), "{max_bytes} bytes from {offset}");
    }
}

#[test]
fn empty_partition_is_read_as_empty_and_takes_no_space() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    assert!(log.read(0, 100, ReadLimit::HighWatermark).unwrap().is_empty());
    assert_eq!(log.offset_for_timestamp(0, ReadLimit::LogEnd).unwrap(), None);
    assert_eq!(log.epoch_end_offset(0), None);
    assert!(!disk.exists(Path::new("/data/t-0")));
    logs.close().unwrap();
}

/// Batches of records, each with a timestamp after `NOW_MS` in ms.
fn timestamps() -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(0_i64..50, 1..5), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn lookup_by_time_agrees_with_a_full_scan(
        batches in timestamps(),
        segment_bytes in 300_u64..3000,
        index_interval_bytes in 0_u64..400,
        compressed: bool,
        reopen: bool,
    ) {
        let disk = Disk::new(1);
        let clock = TestClock::new();
        let config = LogConfig {
            flush_policy: FlushPolicy::Os, segment_bytes, index_interval_bytes,
            ..LogConfig::default()
        };
        let codec = if compressed { Compression::Lz4 } else { Compression::None };
        let mut logs = open(disk.clone(), Path::new(PATH), &clock);
        let mut log = partition(&logs, config.clone());
        for times in &batches {
            let records: Vec<_> = times.iter().map(|ms| (NOW_MS + ms, "v")).collect();
            append(&log, timed_batch(&records, codec)).unwrap();
        }
        if reopen {
            logs.close().unwrap();
            logs = open(disk, Path::new(PATH), &clock);
            log = partition(&logs, config);
        }
        let all: Vec<i64> = batches.concat();
        for target in -1..52 {
            let expected = all.iter().position(|ms| *ms >= target);
            let found = log.offset_for_timestamp(NOW_MS + target, ReadLimit::HighWatermark).unwrap();
            prop_assert_eq!(found.map(|f| usize::try_from(f.offset).unwrap()), expected);
        }
        let newest = *all.iter().max().unwrap();
        let expected = all.iter().position(|ms| *ms == newest).unwrap();
        let found = log.max_timestamp_offset(ReadLimit::HighWatermark).unwrap().unwrap();
        prop_assert_eq!(usize::try_from(found.offset).unwrap(), expected);
        prop_assert_eq!(found.timestamp, NOW_MS + newest);
        for offset in 0..all.len() {
            let read = log.read(i64::try_from(offset).unwrap(), 1, ReadLimit::HighWatermark).unwrap();
            let header = BatchHeader::parse(&read.into_bytes().unwrap()).unwrap();
            let offset = i64::try_from(offset).unwrap();
            prop_assert!(header.base_offset <= offset && offset <= header.last_offset());
        }
        drop(logs);
    }
}

#[test]
fn reads_go_on_beside_appends_new_segments_and_retention() {
    let dir = tempfile::tempdir().unwrap();
    let logs = Arc::new(open(OsFileSystem, dir.path(), &TestClock::new()));
    let config = LogConfig {
        flush_policy: FlushPolicy::Os,
        segment_bytes: 4000,
        retention_bytes: Some(20_000),
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    };
    let log = partition(&logs, config);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (log, done) = (Arc::clone(&log), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut offset = 0;
                let mut count = 0;
                while !done.load(Ordering::Relaxed) || offset < log.high_watermark() {
                    match read_from(&log, offset, 1000) {
                        Ok(records) => {
                            let from = offset;
                            for record in records.iter().filter(|record| record.offset >= from) {
                                assert_eq!(value(record), record.offset.to_string());
                                count += 1;
                                offset = record.offset + 1;
                            }
                        }
                        Err(error) => {
                            assert_eq!(error.code(), ErrorCode::OffsetOutOfRange, "{error}");
                            offset = log.log_start_offset();
                        }
                    }
                }
                count
            })
        })
        .collect();
    for n in 0..3000 {
        append(&log, batch(&[&n.to_string()])).unwrap();
        if n % 50 == 0 {
            logs.retain_now();
            logs.tick();
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 100);
    }
    assert!(log.log_start_offset() > 1000);
    assert!(log.size_bytes() < 30_000);
}

#[test]
fn slice_of_a_real_file_names_it_for_sendfile() {
    let dir = tempfile::tempdir().unwrap();
    let logs = open(OsFileSystem, dir.path(), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["a"])).unwrap();
    append(&log, batch(&["b"])).unwrap();
    let slice = log.read(1, 1000, ReadLimit::HighWatermark).unwrap().records.unwrap();
    assert_eq!(slice.position, batch(&["a"]).len() as u64);
    assert!(slice.file.as_file().is_some());
    logs.delete_topic("t").unwrap();
    assert_eq!(slice.read().unwrap().len(), slice.len, "readable after the deletion");
    logs.close().unwrap();
    let logs = open(OsFileSystem, dir.path(), &TestClock::new());
    assert_eq!(values(&partition(&logs, LogConfig::default())), Vec::<String>::new());
}
