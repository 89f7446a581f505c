//! The sink on real files and devices.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use connect_api::SinkTask;
use tempfile::TempDir;

use crate::harness::{sink_records, start_sink};

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    (directory, path)
}

async fn put(task: &mut Box<dyn SinkTask>, texts: &[&str]) {
    task.put(&sink_records(texts)).await.unwrap();
}

#[track_caller]
fn check_content(path: &Path, expected: &str) {
    assert_eq!(fs::read_to_string(path).unwrap(), expected);
}

#[tokio::test]
async fn records_are_appended_one_per_line() {
    let (_directory, path) = directory();
    fs::write(&path, "before\n").unwrap();
    let mut task = start_sink("sink", &path).await.unwrap();
    put(&mut task, &["gr\u{fc}n", "", "c"]).await;
    put(&mut task, &[]).await;
    put(&mut task, &["d"]).await;
    task.flush().await.unwrap();
    check_content(&path, "before\ngr\u{fc}n\n\nc\nd\n");
    task.stop().await;
}

#[tokio::test]
async fn full_disk_is_an_error_that_may_be_retried() {
    let mut task = start_sink("sink", Path::new("/dev/full")).await.unwrap();
    for _ in 0..2 {
        let error = task.put(&sink_records(&["lost?"])).await.unwrap_err();
        assert!(error.is_retriable(), "{error}");
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.RetriableException: \
             cannot write to /dev/full; nothing of the batch was kept\n\
             Caused by: No space left on device (os error 28)"
        );
    }
}

#[tokio::test]
async fn tasks_of_one_connector_share_the_file() {
    let (_directory, path) = directory();
    let mut one = start_sink("sink", &path).await.unwrap();
    let mut two = start_sink("sink", &path).await.unwrap();
    let long = "x".repeat(100_000);
    for _ in 0..5 {
        put(&mut one, &["a", &long]).await;
        put(&mut two, &["b"]).await;
    }
    one.stop().await;
    put(&mut two, &["c"]).await;
    two.flush().await.unwrap();
    let expected = format!("a\n{long}\nb\n").repeat(5) + "c\n";
    check_content(&path, &expected);
}

#[tokio::test]
async fn second_sink_on_a_file_is_refused_until_the_first_stops() {
    let (directory, path) = directory();
    let mut first = start_sink("first", &path).await.unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = start_sink("second", name).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "{} is being written to by sink connector first: \
                 give each sink a file of its own",
                name.display()
            )
        );
    }
    first.stop().await;
    start_sink("second", &path).await.unwrap();
}

#[tokio::test]
async fn file_that_another_process_has_locked_is_refused() {
    let (_directory, path) = directory();
    let other = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    other.lock().unwrap();
    let error = start_sink("sink", &path).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "{} is being written to by another process: \
             stop it, or give each sink a file of its own",
            path.display()
        )
    );
    drop(other);
    start_sink("sink", &path).await.unwrap();
}

#[tokio::test]
async fn file_that_loses_its_name_is_followed_by_a_new_one() {
    let (_directory, path) = directory();
    let mut task = start_sink("sink", &path).await.unwrap();
    put(&mut task, &["1"]).await;
    let moved = path.with_extension("1");
    fs::rename(&path, &moved).unwrap();
    put(&mut task, &["2"]).await;
    check_content(&moved, "1\n");
    check_content(&path, "2\n");
    fs::remove_file(&path).unwrap();
    put(&mut task, &["3"]).await;
    check_content(&path, "3\n");
}

#[tokio::test]
async fn line_that_a_killed_process_left_unfinished_is_not_continued() {
    let (_directory, path) = directory();
    fs::write(&path, "whole\nto").unwrap();
    let mut task = start_sink("sink", &path).await.unwrap();
    put(&mut task, &["torn"]).await;
    put(&mut task, &["next"]).await;
    check_content(&path, "whole\nto\ntorn\nnext\n");
}

#[tokio::test]
async fn file_that_cannot_be_opened_fails_the_task_by_name() {
    let (directory, path) = directory();
    let missing = directory.path().join("no/such/out");
    fs::create_dir(&path).unwrap();
    for path in [missing, path] {
        let error = start_sink("sink", &path).await.err().unwrap();
        assert!(!error.is_retriable());
        assert_eq!(error.to_string(), format!("cannot open {} for writing", path.display()));
    }
}

#[tokio::test]
async fn pipe_takes_records_too() {
    let (_directory, path) = directory();
    let null = Path::new("/dev/null");
    let mut one = start_sink("one", null).await.unwrap();
    let mut two = start_sink("two", null).await.unwrap();
    put(&mut one, &["x"]).await;
    put(&mut two, &["y"]).await;
    one.flush().await.unwrap();
    assert!(!path.exists());
}
