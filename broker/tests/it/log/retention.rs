//! Removal of old records, and new segments by time.

use std::{path::Path, sync::Arc, time::Duration};

use broker::log::{CleanupPolicy, LogConfig, LogDirectory, Partition, ReadLimit};
use protocol::{ErrorCode, records::Compression};

use super::{
    disk::Disk,
    harness::{
        NOW_MS, TestClock, append, batch, open, partition, producer_batch, timed_batch, values,
    },
};

const PATH: &str = "/data";
const HOUR: Duration = Duration::from_secs(3600);
const HOUR_MS: i64 = 3_600_000;

struct Setup {
    disk: Disk,
    clock: Arc<TestClock>,
    logs: LogDirectory,
    log: Arc<Partition>,
}

fn setup(config: LogConfig) -> Setup {
    let (disk, clock) = (Disk::new(1), TestClock::new());
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, config);
    Setup { disk, clock, logs, log }
}

/// Segments of two batches each.
fn pairs() -> LogConfig {
    let size = batch(&["a"]).len() as u64;
    LogConfig { segment_bytes: 2 * size, file_delete_delay_ms: 1000, ..LogConfig::default() }
}

fn exists(disk: &Disk, name: &str) -> bool {
    disk.exists(&Path::new("/data/t-0").join(name))
}

#[test]
fn segments_go_when_their_newest_record_is_too_old() {
    let Setup { disk, clock, logs, log } =
        setup(LogConfig { retention_ms: Some(2 * HOUR_MS), ..pairs() });
    for (hour, value) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        let timestamp = NOW_MS + i64::try_from(hour).unwrap() * HOUR_MS;
        append(&log, timed_batch(&[(timestamp, value)], Compression::None)).unwrap();
        clock.advance(HOUR);
    }
    // Five hours later: a and b are 5 and 4 hours old, c and d 3 and 2, e 1.
    logs.retain_now();
    assert_eq!(values(&log), ["c", "d", "e"]);
    assert_eq!(log.log_start_offset(), 2);
    let error = log.read(1, 1, ReadLimit::HighWatermark).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OffsetOutOfRange);
    assert!(exists(&disk, "00000000000000000000.log.deleted"));
    clock.advance(Duration::from_secs(2));
    logs.tick();
    assert!(!exists(&disk, "00000000000000000000.log.deleted"));
    // The active segment goes too, and offsets go on.
    clock.advance(9 * HOUR);
    logs.retain_now();
    assert_eq!(values(&log), Vec::<String>::new());
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (5, 5));
    assert_eq!(append(&log, batch(&["f"])).unwrap().base_offset, 5);
}

#[test]
fn segments_go_when_the_rest_is_large_enough() {
    let size = batch(&["a"]).len() as u64;
    let Setup { logs, log, .. } =
        setup(LogConfig { retention_bytes: Some(3 * size), retention_ms: None, ..pairs() });
    for value in ["a", "b", "c", "d", "e"] {
        append(&log, batch(&[value])).unwrap();
    }
    logs.retain_now();
    assert_eq!(values(&log), ["c", "d", "e"]);
    logs.retain_now();
    assert_eq!(values(&log), ["c", "d", "e"]);
}

#[test]
fn compacted_topic_keeps_everything() {
    let cleanup_policy = CleanupPolicy { delete: false, compact: true };
    let Setup { clock, logs, log, .. } = setup(LogConfig {
        retention_ms: Some(1),
        retention_bytes: Some(0),
        cleanup_policy,
        ..pairs()
    });
    for value in ["a", "b", "c"] {
        append(&log, batch(&[value])).unwrap();
    }
    clock.advance(9 * HOUR);
    logs.retain_now();
    assert_eq!(values(&log), ["a", "b", "c"]);
}

#[test]
fn deleted_records_stay_deleted_after_a_power_cut() {
    let Setup { disk, clock, logs, log } = setup(LogConfig { retention_ms: None, ..pairs() });
    for value in ["a", "b", "c", "d", "e"] {
        append(&log, batch(&[value])).unwrap();
    }
    assert_eq!(log.delete_records_before(6).unwrap_err().code(), ErrorCode::OffsetOutOfRange);
    assert_eq!(log.delete_records_before(3).unwrap(), 3);
    assert_eq!(log.delete_records_before(1).unwrap(), 3);
    assert_eq!(values(&log), ["d", "e"]);
    logs.retain_now();
    assert!(exists(&disk, "00000000000000000000.log.deleted"), "a segment below the start goes");
    assert!(exists(&disk, "00000000000000000002.log"), "the one that holds the start stays");
    drop((log, logs));
    disk.restart();
    let logs = open(disk, Path::new(PATH), &clock);
    let log = partition(&logs, pairs());
    assert_eq!(values(&log), ["d", "e"]);
    assert_eq!(log.delete_records_before(-1).unwrap(), 5);
}

#[test]
fn records_are_found_by_time_from_the_log_start_on() {
    let Setup { logs: _logs, log, .. } = setup(LogConfig::default());
    let records: Vec<_> = (NOW_MS..NOW_MS + 4).map(|timestamp| (timestamp, "v")).collect();
    append(&log, timed_batch(&records, Compression::None)).unwrap();
    log.delete_records_before(2).unwrap();
    let found = log.offset_for_timestamp(NOW_MS, ReadLimit::HighWatermark).unwrap();
    assert_eq!(found.unwrap().offset, 2);
}

#[test]
fn new_segment_begins_when_the_span_of_time_or_an_index_is_full() {
    let Setup { disk, logs: _logs, log, .. } = setup(LogConfig {
        segment_ms: HOUR_MS,
        timestamp_after_max_ms: i64::MAX,
        ..LogConfig::default()
    });
    for ms in [0, HOUR_MS, HOUR_MS + 1] {
        append(&log, timed_batch(&[(NOW_MS + ms, "v")], Compression::None)).unwrap();
    }
    assert!(!exists(&disk, "00000000000000000001.log"));
    assert!(exists(&disk, "00000000000000000002.log"));
    log.update_config(LogConfig {
        segment_index_bytes: 24,
        index_interval_bytes: 0,
        ..LogConfig::default()
    });
    for _ in 0..10 {
        append(&log, batch(&["v"])).unwrap();
    }
    assert!(log.size_bytes() < LogConfig::default().segment_bytes);
    assert!(exists(&disk, "00000000000000000005.log"), "after three entries");
}

#[test]
fn silent_producer_is_forgotten() {
    let Setup { clock, logs, log, .. } = setup(LogConfig::default());
    append(&log, producer_batch((9, 0), 0, &["a"])).unwrap();
    let gap = || append(&log, producer_batch((9, 0), 5, &["b"]));
    assert_eq!(gap().unwrap_err().code(), ErrorCode::OutOfOrderSequenceNumber);
    clock.advance(25 * HOUR);
    logs.retain_now();
    gap().unwrap();
}

#[test]
fn time_since_the_last_write_starts_a_flush_when_the_topic_says_so() {
    let config = LogConfig {
        flush_policy: broker::log::FlushPolicy::Os,
        flush_ms: 500,
        ..LogConfig::default()
    };
    let Setup { clock, logs, log, .. } = setup(config);
    append(&log, batch(&["a"])).unwrap();
    logs.tick();
    assert_eq!(log.flushed_offset(), 0);
    clock.advance(Duration::from_millis(500));
    logs.tick();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while log.flushed_offset() < 1 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}
