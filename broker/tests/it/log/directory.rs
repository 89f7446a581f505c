//! Opening, locking, closing a log directory, and the topics in it.

use std::{path::Path, sync::Arc};

use broker::log::{
    CreateError, FlushPolicy, LockError, LogConfig, LogDirectory, LogDirectoryConfig, OpenError,
    OsFileSystem,
};
use protocol::Uuid;

use super::{
    disk::Disk,
    harness::{TOPIC_ID, TestClock, append, batch, open, partition, values},
};

const PATH: &str = "/data";

fn try_open(path: &Path, node_id: i32) -> Result<LogDirectory, OpenError> {
    let settings = LogDirectoryConfig { node_id, ..LogDirectoryConfig::new(path) };
    LogDirectory::open(settings, Arc::new(OsFileSystem), TestClock::new())
}

#[test]
fn second_open_is_refused_with_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let held = try_open(dir.path(), 1).unwrap();
    match try_open(dir.path(), 1) {
        Err(OpenError::Lock { source: LockError::Held { pid }, .. }) => {
            assert_eq!(pid, Some(std::process::id()));
        }
        other => panic!("expected a held lock, got {other:?}"),
    }
    held.close().unwrap();
    drop(try_open(dir.path(), 1).unwrap());
    try_open(dir.path(), 1).unwrap();
}

#[test]
fn directory_of_another_node_or_a_newer_release_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    try_open(dir.path(), 1).unwrap().close().unwrap();
    let error = try_open(dir.path(), 2).unwrap_err();
    assert!(matches!(error, OpenError::Meta { .. }), "{error}");
    let meta = dir.path().join("meta.properties");
    std::fs::write(&meta, "version=2\n").unwrap();
    let error = try_open(dir.path(), 1).unwrap_err();
    assert!(matches!(error, OpenError::Meta { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&meta).unwrap(), "version=2\n");
    assert!(dir.path().join(".kafka_cleanshutdown").exists(), "still as it was closed");
}

#[test]
fn cluster_id_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = try_open(dir.path(), 1).unwrap();
    let (cluster_id, directory_id) = (first.cluster_id().to_owned(), first.directory_id());
    assert_eq!(cluster_id.len(), 22);
    drop(first);
    let again = try_open(dir.path(), 1).unwrap();
    assert_eq!((again.cluster_id(), again.directory_id()), (&*cluster_id, directory_id));
}

#[test]
fn what_a_recovery_walked_is_not_walked_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let logs = open(OsFileSystem, dir.path(), &clock);
    let config = LogConfig { flush_policy: FlushPolicy::Os, ..LogConfig::default() };
    append(&partition(&logs, config), batch(&["a", "b"])).unwrap();
    drop(logs);
    let points = || std::fs::read_to_string(dir.path().join("recovery-point-offset-checkpoint"));
    assert!(points().is_err(), "written before the crash");
    drop(open(OsFileSystem, dir.path(), &clock));
    assert_eq!(points().unwrap(), "0\n1\nt 0 2\n");
}

#[test]
fn recreated_topic_has_none_of_the_old_records() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    append(&log, batch(&["old"])).unwrap();
    let mut watcher = log.watch();
    watcher.mark_unchanged();
    logs.delete_topic("t").unwrap();
    assert!(watcher.has_changed().unwrap() && log.is_deleted(), "a parked fetch is woken");
    assert!(logs.partition("t", 0).is_none());
    let new_id = Uuid([9; 16]);
    let log = logs.create_partition("t", 0, new_id, LogConfig::default()).unwrap();
    append(&log, batch(&["new"])).unwrap();
    assert_eq!(values(&log), ["new"]);
    drop((log, logs));
    // Whatever of the removal was lost, the old directory is not the new one.
    disk.restart();
    let logs = open(disk, Path::new(PATH), &clock);
    let log = logs.create_partition("t", 0, new_id, LogConfig::default()).unwrap();
    assert_eq!(values(&log), ["new"]);
}

#[test]
fn directory_of_another_topic_id_is_not_taken_over() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    append(&partition(&logs, LogConfig::default()), batch(&["a"])).unwrap();
    logs.close().unwrap();
    let logs = open(disk, Path::new(PATH), &clock);
    let other = Uuid([9; 16]);
    match logs.create_partition("t", 0, other, LogConfig::default()) {
        Err(CreateError::TopicIdMismatch { found, expected }) => {
            assert_eq!((found, expected), (TOPIC_ID, other));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(values(&partition(&logs, LogConfig::default())), ["a"]);
}

#[test]
fn names_that_leave_the_directory_are_refused() {
    let logs = open(Disk::new(1), Path::new(PATH), &TestClock::new());
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a/b", "a\0b", "ä", "a b", &long] {
        let made = logs.create_partition(name, 0, TOPIC_ID, LogConfig::default());
        assert!(matches!(made, Err(CreateError::InvalidName { .. })), "{name}");
    }
    for name in ["a.b", "a_b-c", &long[..249]] {
        let log = logs.create_partition(name, 3, TOPIC_ID, LogConfig::default()).unwrap();
        append(&log, batch(&["a"])).unwrap();
        logs.delete_topic(name).unwrap();
    }
}

#[test]
fn leftovers_of_a_crash_are_cleared_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let logs = open(OsFileSystem, dir.path(), &clock);
    append(&partition(&logs, LogConfig::default()), batch(&["a"])).unwrap();
    logs.close().unwrap();
    let log_dir = dir.path().join("t-0");
    let doomed = dir.path().join("gone-0.0123456789abcdef0123456789abcdef-delete");
    std::fs::create_dir(&doomed).unwrap();
    std::fs::write(doomed.join("00000000000000000000.log"), "x").unwrap();
    for name in ["00000000000000000000.log.deleted", "00000000000000000009.log.cleaned", "a.tmp"] {
        std::fs::write(log_dir.join(name), "x").unwrap();
    }
    // An index without a log, and a finished cleaning that only lacks its renaming.
    std::fs::write(log_dir.join("00000000000000000009.index"), "").unwrap();
    let from = log_dir.join("00000000000000000000.log");
    std::fs::copy(&from, log_dir.join("00000000000000000000.log.swap")).unwrap();
    let logs = open(OsFileSystem, dir.path(), &clock);
    assert_eq!(values(&partition(&logs, LogConfig::default())), ["a"]);
    logs.close().unwrap();
    assert!(!doomed.exists());
    let mut names: Vec<_> = std::fs::read_dir(&log_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000001.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata"
        ]
    );
}

#[test]
fn partition_whose_topic_id_was_lost_is_claimed_by_its_topic() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    append(&partition(&logs, LogConfig::default()), batch(&["a"])).unwrap();
    logs.close().unwrap();
    disk.edit(Path::new("/data/t-0/partition.metadata"), Vec::clear);
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    assert_eq!(logs.partition("t", 0).unwrap().topic_id(), Uuid::ZERO);
    assert_eq!(values(&partition(&logs, LogConfig::default())), ["a"]);
    assert_eq!(
        disk.content(Path::new("/data/t-0/partition.metadata")),
        format!("version: 0\ntopic_id: {TOPIC_ID}").as_bytes()
    );
}

#[test]
fn sixty_partitions_open_without_waiting_for_the_disk() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    for n in 0..60 {
        let log = logs.create_partition("t", n, TOPIC_ID, LogConfig::default()).unwrap();
        append(&log, batch(&["a"])).unwrap();
    }
    logs.close().unwrap();
    let before = disk.syncs();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    assert_eq!(disk.syncs(), before);
    assert_eq!(logs.partitions().len(), 60);
    assert!(logs.partitions().iter().all(|log| log.log_end_offset() == 1));
    // After a kill, all that was acknowledged is known to be durable.
    drop(logs);
    disk.kill();
    let before = disk.syncs();
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    assert_eq!(disk.syncs(), before);
    assert!(logs.partitions().iter().all(|log| values(log) == ["a"]));
}

/// A topic with a start and checkpoints, deleted and made again; returns the one record of the new.
fn recreate_after_checkpoints(logs: &LogDirectory, clock: &Arc<TestClock>, new_id: Uuid) {
    let log = partition(logs, LogConfig::default());
    for _ in 0..5 {
        append(&log, batch(&["old"])).unwrap();
    }
    log.delete_records_before(3).unwrap();
    clock.advance(std::time::Duration::from_secs(120));
    logs.tick();
    logs.delete_topic("t").unwrap();
    let log = logs.create_partition("t", 0, new_id, LogConfig::default()).unwrap();
    append(&log, batch(&["new"])).unwrap();
}

#[test]
fn checkpoints_of_a_deleted_topic_do_not_speak_of_the_next_of_its_name() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let new_id = Uuid([9; 16]);
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    recreate_after_checkpoints(&logs, &clock, new_id);
    disk.kill();
    drop(logs);
    let logs = open(disk, Path::new(PATH), &clock);
    let log = logs.create_partition("t", 0, new_id, LogConfig::default()).unwrap();
    assert_eq!(values(&log), ["new"]);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (0, 1));
}

#[test]
fn checkpoints_of_a_topic_deleted_before_a_kill_do_not_either() {
    let disk = Disk::new(1);
    let clock = TestClock::new();
    let new_id = Uuid([9; 16]);
    let logs = open(disk.clone(), Path::new(PATH), &clock);
    let log = partition(&logs, LogConfig::default());
    for _ in 0..5 {
        append(&log, batch(&["old"])).unwrap();
    }
    log.delete_records_before(3).unwrap();
    logs.delete_topic("t").unwrap();
    for _ in 0..2 {
        disk.kill();
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let log = logs.create_partition("t", 0, new_id, LogConfig::default()).unwrap();
        if log.log_end_offset() == 0 {
            append(&log, batch(&["new"])).unwrap();
        }
        assert_eq!(values(&log), ["new"]);
    }
}

#[test]
fn what_a_start_after_a_kill_shows_outlives_a_power_cut() {
    for seed in 0..32 {
        let disk = Disk::new(seed);
        let clock = TestClock::new();
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        let log =
            partition(&logs, LogConfig { flush_policy: FlushPolicy::Os, ..LogConfig::default() });
        append(&log, batch(&["a"])).unwrap();
        disk.kill();
        drop((log, logs));
        let logs = open(disk.clone(), Path::new(PATH), &clock);
        assert_eq!(values(&partition(&logs, LogConfig::default())), ["a"]);
        drop(logs);
        disk.restart();
        let logs = open(disk, Path::new(PATH), &clock);
        assert_eq!(values(&partition(&logs, LogConfig::default())), ["a"], "seed {seed}");
    }
}
