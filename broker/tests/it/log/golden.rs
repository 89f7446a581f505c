//! The files of the log, byte for byte: what one release writes, all later ones read.
//!
//! `testdata/log/v1` is a log directory as a clean stop leaves it, except for the ids that are
//! made at random. `UPDATE_GOLDEN=1` writes it anew, which is right only for a new version.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use broker::log::{Clock, LogConfig, LogDirectory, LogDirectoryConfig, OsFileSystem, ReadLimit};
use protocol::{ErrorCode, records::Compression};

use super::harness::{
    NOW_MS, TOPIC_ID, TestClock, append, producer_batch, read_from, timed_batch, value,
};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/log/v1")
}

/// Every format once: two segments, both indexes, snapshots, epochs, checkpoints, marks.
fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 500,
        index_interval_bytes: 150,
        retention_ms: None,
        ..LogConfig::default()
    }
}

fn open(path: &Path) -> LogDirectory {
    let settings = LogDirectoryConfig {
        cluster_id: Some("golden-cluster-id-0001".to_owned()),
        ..LogDirectoryConfig::new(path)
    };
    let clock: Arc<dyn Clock> = TestClock::new();
    LogDirectory::open(settings, Arc::new(OsFileSystem), clock).unwrap()
}

fn write(path: &Path) {
    let logs = open(path);
    let log = logs.create_partition("golden", 3, TOPIC_ID, config()).unwrap();
    for n in 0..4 {
        let records = [(NOW_MS + n * 10, "first"), (NOW_MS + n * 10 + 5, "second")];
        append(&log, timed_batch(&records, Compression::None)).unwrap();
    }
    log.set_leader_epoch(2);
    for n in 0..6 {
        append(&log, producer_batch((77, 1), n * 2, &["x", "y"])).unwrap();
    }
    log.delete_records_before(1).unwrap();
    logs.close().unwrap();
}

/// Relative path and content of every file, without those that differ from run to run.
fn content(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let mut content = fs::read(&path).unwrap();
            if name == "meta.properties" {
                let text = String::from_utf8(content).unwrap();
                let kept = text.lines().filter(|line| !line.starts_with("directory.id="));
                content = kept.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes();
            }
            if name != ".lock" && name != "durable-points" {
                files.insert(name, content);
            }
        }
    }
    files
}

#[test]
fn written_files_are_the_golden_ones() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let written = content(dir.path());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for (name, content) in &written {
            let path = golden().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
    let expected = content(&golden());
    assert_eq!(written.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, content) in &written {
        assert_eq!(content, &expected[name], "{name}");
    }
}

#[test]
fn golden_directory_is_opened_and_read() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in content(&golden()) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let logs = open(dir.path());
    let log = logs.create_partition("golden", 3, TOPIC_ID, config()).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset(), log.leader_epoch()), (1, 20, 2));
    let expected: Vec<_> =
        [["first", "second"]; 4].into_iter().chain([["x", "y"]; 6]).flatten().collect();
    // The batch that holds the log start is returned whole.
    let read = read_from(&log, 1, 4096).unwrap();
    assert_eq!(read.iter().map(value).collect::<Vec<_>>(), expected);
    assert_eq!(log.epoch_end_offset(0), Some((0, 8)));
    assert_eq!(log.epoch_end_offset(2), Some((2, 20)));
    let by_time = log.offset_for_timestamp(NOW_MS + 25, ReadLimit::HighWatermark).unwrap();
    assert_eq!(by_time.unwrap().offset, 5);
    let repeated = append(&log, producer_batch((77, 1), 2, &["x", "y"])).unwrap();
    assert_eq!(repeated.base_offset, 10, "the window of five batches was kept");
    let gap = append(&log, producer_batch((77, 1), 14, &["z"])).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OutOfOrderSequenceNumber);
}
