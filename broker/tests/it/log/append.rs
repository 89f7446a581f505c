//! What the log takes, what it refuses, and what it answers.

use std::{path::Path, sync::Arc};

use broker::log::{
    AppendOptions, CleanupPolicy, Durability, FlushPolicy, LogConfig, Origin, Partition, ReadLimit,
};
use bytes::Bytes;
use protocol::{
    ErrorCode,
    records::{
        BatchBuilder, BatchHeader, Compression, ControlRecord, ControlType, NewRecord,
        TimestampType, verify_crc,
    },
};

use super::{
    disk::Disk,
    harness::{
        FLUSHED, NOW_MS, TestClock, WRITTEN, append, batch, open, partition, producer_batch,
        read_from, timed_batch, values, wait,
    },
};

const PATH: &str = "/data";

#[track_caller]
fn check_refused(config: LogConfig, batch: Bytes, expected: ErrorCode, index: Option<i32>) {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, config);
    let error = append(&log, batch).unwrap_err();
    assert_eq!((error.code(), error.record_index()), (expected, index), "{error}");
    assert_eq!(log.log_end_offset(), 0, "a refused batch takes no offset");
}

fn edited(batch: &Bytes, edit: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = batch.to_vec();
    edit(&mut bytes);
    bytes.into()
}

/// Edits a batch and makes its checksum right again.
fn resealed(batch: &Bytes, edit: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    edited(batch, |bytes| {
        edit(bytes);
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    })
}

#[test]
fn damaged_batches_are_refused() {
    let good = batch(&["a", "b"]);
    let defaults = LogConfig::default;
    for at in 17..good.len() {
        let broken = edited(&good, |bytes| bytes[at] ^= 1);
        check_refused(defaults(), broken, ErrorCode::CorruptMessage, None);
    }
    for size in 0..good.len() {
        check_refused(defaults(), good.slice(..size), ErrorCode::CorruptMessage, None);
    }
}

#[test]
fn batches_that_break_a_rule_for_clients_are_refused() {
    let good = batch(&["a", "b"]);
    let defaults = LogConfig::default;
    let invalid = |batch| check_refused(defaults(), batch, ErrorCode::InvalidRecord, None);
    invalid(edited(&good, |bytes| bytes.extend_from_slice(&good)));
    invalid(edited(&good, |bytes| bytes[16] = 1));
    invalid(resealed(&good, |bytes| bytes[60] = 3));
    invalid(resealed(&good, |bytes| bytes[57..61].copy_from_slice(&[0; 4])));
    invalid(resealed(&good, |bytes| bytes[22] |= 0x20));
    invalid(resealed(&good, |bytes| bytes[43..51].copy_from_slice(&[0; 8])));
    let claims_append_time = resealed(&good, |bytes| bytes[22] |= 0x08);
    check_refused(defaults(), claims_append_time, ErrorCode::InvalidTimestamp, None);
    let small = LogConfig { max_message_bytes: good.len() - 1, ..defaults() };
    check_refused(small, good, ErrorCode::MessageTooLarge, None);
}

#[test]
fn keyless_record_on_a_compacted_topic_is_refused_with_its_index() {
    let mut builder = BatchBuilder::new(Compression::Gzip);
    for key in [Some(&b"k"[..]), None] {
        builder.push(NewRecord { timestamp: NOW_MS, key, value: Some(b"v"), headers: &[] });
    }
    let cleanup_policy = CleanupPolicy { delete: false, compact: true };
    let config = LogConfig { cleanup_policy, ..LogConfig::default() };
    check_refused(config, builder.build().unwrap(), ErrorCode::InvalidRecord, Some(1));
}

#[test]
fn timestamps_outside_of_the_window_are_refused_with_their_index() {
    let config = LogConfig {
        timestamp_before_max_ms: 1000,
        timestamp_after_max_ms: 500,
        ..LogConfig::default()
    };
    let check = |second: i64, expected| {
        let batch = timed_batch(&[(NOW_MS, "a"), (NOW_MS + second, "b")], Compression::None);
        check_refused(config.clone(), batch, expected, Some(1));
    };
    check(501, ErrorCode::InvalidTimestamp);
    check(-1001, ErrorCode::InvalidTimestamp);
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, config);
    let batch = timed_batch(&[(NOW_MS + 500, "a"), (NOW_MS - 1000, "b")], Compression::None);
    append(&log, batch).unwrap();
}

fn stored_batch(log: &Partition) -> Bytes {
    log.read(0, 1, ReadLimit::HighWatermark).unwrap().into_bytes().unwrap()
}

#[test]
fn stored_batch_differs_from_the_sent_one_in_offset_and_epoch_alone() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    log.set_leader_epoch(5);
    append(&log, batch(&["first"])).unwrap();
    let sent = timed_batch(&[(NOW_MS, "a"), (NOW_MS + 1, "b")], Compression::Lz4);
    append(&log, sent.clone()).unwrap();
    let stored = log.read(2, 1, ReadLimit::HighWatermark).unwrap().into_bytes().unwrap();
    let expected = edited(&sent, |bytes| {
        bytes[..8].copy_from_slice(&1_i64.to_be_bytes());
        bytes[12..16].copy_from_slice(&5_i32.to_be_bytes());
    });
    assert_eq!(stored, expected);
    assert_eq!(log.epoch_end_offset(5), Some((5, 3)));
}

#[test]
fn log_append_time_replaces_the_producers_and_never_decreases() {
    let clock = TestClock::new();
    let logs = open(Disk::new(1), Path::new(PATH), &clock);
    let timestamp_type = TimestampType::LogAppendTime;
    let log = partition(&logs, LogConfig { timestamp_type, ..LogConfig::default() });
    let appended = append(&log, timed_batch(&[(1, "a"), (2, "b")], Compression::Zstd)).unwrap();
    assert_eq!(appended.log_append_time, NOW_MS);
    let stored = stored_batch(&log);
    verify_crc(&stored).unwrap();
    let header = BatchHeader::parse(&stored).unwrap();
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.max_timestamp, NOW_MS);
    let records = read_from(&log, 0, 100).unwrap();
    assert!(records.iter().all(|record| record.timestamp == NOW_MS));
    clock.set_back(std::time::Duration::from_secs(10));
    assert_eq!(append(&log, batch(&["c"])).unwrap().log_append_time, NOW_MS);
}

#[test]
fn topic_codec_replaces_the_producers() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let config = LogConfig { compression: Some(Compression::Zstd), ..LogConfig::default() };
    let log = partition(&logs, config);
    append(&log, timed_batch(&[(NOW_MS, "a"), (NOW_MS + 5, "b")], Compression::Gzip)).unwrap();
    let header = BatchHeader::parse(&stored_batch(&log)).unwrap();
    assert_eq!(header.compression().unwrap(), Compression::Zstd);
    let records = read_from(&log, 0, 100).unwrap();
    assert_eq!(records.iter().map(|r| r.timestamp).collect::<Vec<_>>(), [NOW_MS, NOW_MS + 5]);
    assert_eq!(values(&log), ["a", "b"]);
}

#[test]
fn repeated_batch_is_answered_with_its_first_offset_also_after_a_restart() {
    let clock = TestClock::new();
    let disk = Disk::new(1);
    let batches: Vec<_> = (0..5).map(|n| producer_batch((9, 0), n * 2, &["x", "y"])).collect();
    for way in ["same process", "clean stop", "kill"] {
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let log = partition(&logs, LogConfig::default());
        for (n, batch) in (0..).zip(&batches) {
            let appended = append(&log, batch.clone()).unwrap();
            assert_eq!((appended.base_offset, appended.last_offset), (n * 2, n * 2 + 1), "{way}");
        }
        assert_eq!(log.log_end_offset(), 10, "{way}");
        if way == "same process" {
            logs.close().unwrap();
        } else {
            disk.kill();
        }
    }
}

#[test]
fn sequences_and_epochs_are_checked() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, producer_batch((9, 1), 0, &["a", "b"])).unwrap();
    let code = |batch| append(&log, batch).unwrap_err().code();
    assert_eq!(code(producer_batch((9, 1), 3, &["d"])), ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(code(producer_batch((9, 0), 2, &["c"])), ErrorCode::InvalidProducerEpoch);
    assert_eq!(code(producer_batch((9, 2), 2, &["c"])), ErrorCode::OutOfOrderSequenceNumber);
    append(&log, producer_batch((9, 2), 0, &["c"])).unwrap();
    append(&log, producer_batch((10, 0), 77, &["other producer"])).unwrap();
    assert_eq!(log.log_end_offset(), 4);
}

#[test]
fn open_transaction_holds_the_last_stable_offset_until_its_marker() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["plain"])).unwrap();
    let mut builder = BatchBuilder::new(Compression::None).producer(9, 0, 0).transactional();
    builder.push(NewRecord { timestamp: NOW_MS, key: None, value: Some(b"t"), headers: &[] });
    append(&log, builder.build().unwrap()).unwrap();
    append(&log, batch(&["after"])).unwrap();
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (1, 3));
    let stable = log.read(0, 1000, ReadLimit::LastStable).unwrap().into_bytes().unwrap();
    assert_eq!(BatchHeader::parse(&stable).unwrap().size_in_bytes(), stable.len());
    assert!(log.read(1, 1000, ReadLimit::LastStable).unwrap().is_empty());
    let marker = ControlRecord { kind: ControlType::Commit, coordinator_epoch: 3 };
    let options = AppendOptions { origin: Origin::Internal, durability: Durability::Flushed };
    wait(log.append(marker.batch((9, 0), NOW_MS).unwrap(), options)).unwrap();
    assert_eq!((log.last_stable_offset(), log.high_watermark()), (4, 4));
}

#[test]
fn internal_append_may_hold_several_batches() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    let both = [batch(&["a", "b"]), batch(&["c"])].concat();
    let options = AppendOptions { origin: Origin::Internal, durability: Durability::Flushed };
    let appended = wait(log.append(both.clone().into(), options)).unwrap();
    assert_eq!((appended.base_offset, appended.last_offset), (0, 2));
    assert_eq!(values(&log), ["a", "b", "c"]);
    let cut = Bytes::from(both).slice(..100);
    assert_eq!(wait(log.append(cut, options)).unwrap_err().code(), ErrorCode::CorruptMessage);
}

#[test]
fn many_waiting_appends_share_writes_and_flushes() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["first"])).unwrap();
    let before = disk.syncs();
    let held = disk.hold();
    let pending: Vec<_> =
        (0..500).map(|n| wait(log.submit(batch(&[&n.to_string()]), FLUSHED)).unwrap()).collect();
    drop(held);
    for (n, pending) in (1..).zip(pending) {
        assert_eq!(wait(pending.finish()).unwrap().base_offset, n);
    }
    let syncs = disk.syncs() - before;
    assert!(syncs < 50, "{syncs} flushes for 500 appends");
    assert_eq!(values(&log).len(), 501);
}

#[test]
fn consumers_see_a_record_only_once_it_is_flushed() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig::default());
    disk.fail_syncs_of(Some(".log"));
    let appended = wait(log.append(batch(&["a"]), WRITTEN)).unwrap();
    assert_eq!(appended.base_offset, 0);
    assert_eq!((log.high_watermark(), log.log_end_offset()), (0, 1));
    assert!(log.read(0, 100, ReadLimit::HighWatermark).unwrap().is_empty());
    assert_eq!(log.read(0, 100, ReadLimit::LogEnd).unwrap().len(), batch(&["a"]).len());
}

#[test]
fn system_policy_flushes_nothing_and_shows_what_was_written() {
    let disk = Disk::new(1);
    let logs = open(disk.clone(), Path::new(PATH), &TestClock::new());
    let config = LogConfig { flush_policy: FlushPolicy::Os, ..LogConfig::default() };
    let log = partition(&logs, config.clone());
    let before = disk.syncs();
    let mut watermark = log.watch();
    append(&log, batch(&["a", "b"])).unwrap();
    assert_eq!(*watermark.borrow_and_update(), 2);
    assert_eq!(disk.syncs(), before);
    log.update_config(LogConfig { flush_messages: 1, ..config });
    append(&log, batch(&["c"])).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while log.flushed_offset() < 3 {
        assert!(std::time::Instant::now() < deadline, "flush.messages asks for a flush");
        std::thread::yield_now();
    }
}

#[test]
fn appends_to_one_partition_keep_the_order_of_their_submission() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log = partition(&logs, LogConfig { segment_bytes: 700, ..LogConfig::default() });
    let pending: Vec<_> = (0..300)
        .map(|n| {
            let options = if n % 3 == 0 { FLUSHED } else { WRITTEN };
            wait(log.submit(batch(&[&n.to_string()]), options)).unwrap()
        })
        .collect();
    pending.into_iter().for_each(|pending| _ = wait(pending.finish()).unwrap());
    append(&log, batch(&["end"])).unwrap();
    let expected: Vec<_> = (0..300).map(|n| n.to_string()).chain(["end".to_owned()]).collect();
    assert_eq!(values(&log), expected);
}

#[test]
fn closed_and_deleted_logs_take_nothing() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let log: Arc<Partition> = partition(&logs, LogConfig::default());
    append(&log, batch(&["a"])).unwrap();
    logs.delete_topic("t").unwrap();
    let error = append(&log, batch(&["b"])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTopicOrPartition);
    let log = partition(&logs, LogConfig::default());
    logs.close().unwrap();
    let error = append(&log, batch(&["b"])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotLeaderOrFollower);
}
