//! A source whose file changes under it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{DEADLINE, Source, append};

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    (directory, path)
}

#[tokio::test]
async fn appended_line_arrives_by_event_and_not_by_the_clock() {
    let (_directory, path) = directory();
    append(&path, "first\n");
    let mut source = Source::start(&path).await;
    source.expect(&["first"]).await;
    let mut fastest = Duration::MAX;
    for number in 0..5 {
        let line = format!("line {number}");
        let writer = std::thread::spawn({
            let (path, line) = (path.clone(), line.clone());
            move || {
                std::thread::sleep(Duration::from_millis(100));
                let begin = Instant::now();
                append(&path, line + "\n");
                begin
            }
        });
        source.expect(&[&line]).await;
        fastest = fastest.min(writer.join().unwrap().elapsed());
    }
    // Without events, five lines would all have to hit the end of a second by chance.
    assert!(fastest < Duration::from_millis(50), "{fastest:?}");
}

#[tokio::test]
async fn missing_file_is_waited_for() {
    let (directory, path) = directory();
    let nested = directory.path().join("not/yet/in");
    let mut source = Source::start(&path).await;
    let mut deep = Source::start(&nested).await;
    source.expect_nothing().await;
    deep.expect_nothing().await;
    append(&path, "here\n");
    source.expect(&["here"]).await;
    fs::create_dir_all(nested.parent().unwrap()).unwrap();
    append(&nested, "deep\n");
    deep.expect(&["deep"]).await;
}

#[tokio::test]
async fn full_batch_leaves_no_line_waiting() {
    let (_directory, path) = directory();
    append(&path, "1\n2\n3\n4\n5\n");
    let mut source = Source::start_with(&path, None, &[("batch.size", "2")]).await;
    let begin = Instant::now();
    let counts =
        [source.poll().await.unwrap(), source.poll().await.unwrap(), source.poll().await.unwrap()];
    assert_eq!(counts, [2, 2, 1]);
    assert!(begin.elapsed() < Duration::from_millis(900), "{:?}", begin.elapsed());
    assert_eq!(source.texts(), ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
async fn line_end_of_two_bytes_may_come_in_two_writes() {
    let (_directory, path) = directory();
    append(&path, "a\r");
    let mut source = Source::start(&path).await;
    source.expect_nothing().await;
    append(&path, "\nb\r");
    source.expect(&["a"]).await;
    append(&path, "c\n");
    source.expect(&["b", "c"]).await;
}

#[tokio::test]
async fn line_is_held_until_it_ends() {
    let (_directory, path) = directory();
    append(&path, "half");
    let mut source = Source::start(&path).await;
    source.expect_nothing().await;
    append(&path, " done\n");
    source.expect(&["half done"]).await;
}

#[tokio::test]
async fn truncated_file_is_read_from_the_start() {
    let (_directory, path) = directory();
    append(&path, "one long line\ntwo\nhalf");
    let mut source = Source::start(&path).await;
    source.expect(&["one long line", "two"]).await;
    source.expect_nothing().await;
    File::create(&path).unwrap();
    source.expect_nothing().await;
    append(&path, "new\n");
    source.expect(&["new"]).await;
}

#[tokio::test]
async fn truncated_file_that_is_longer_again_is_read_from_the_start() {
    let (_directory, path) = directory();
    append(&path, "old one\nold two\n");
    let mut source = Source::start(&path).await;
    source.expect(&["old one", "old two"]).await;
    // No poll between: only the content tells.
    let file = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    drop(file);
    append(&path, "new one, which is longer\nnew two, as well\n");
    source.expect(&["new one, which is longer", "new two, as well"]).await;
}

#[tokio::test]
async fn rotation_by_copy_loses_nothing() {
    let (_directory, path) = directory();
    append(&path, "a\nb\n");
    let mut source = Source::start(&path).await;
    for round in 0..3 {
        let expected: &[&str] = if round == 0 { &["a", "b"] } else { &["a", "b", "c"] };
        source.expect(expected).await;
        fs::copy(&path, path.with_extension("1")).unwrap();
        OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        source.expect_nothing().await;
        append(&path, "a\nb\nc\n");
    }
    source.expect(&["a", "b", "c"]).await;
}

#[tokio::test]
async fn zeros_of_a_writer_that_kept_its_place_are_left_out() {
    let (_directory, path) = directory();
    // Not opened for appending: after the truncation it goes on where it was.
    let mut writer = File::create(&path).unwrap();
    let long = "x".repeat(100_000);
    writeln!(writer, "{long}\n1").unwrap();
    let mut source = Source::start(&path).await;
    source.expect(&[&long, "1"]).await;
    OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
    writer.write_all(b"2\n3\n").unwrap();
    source.expect(&["2", "3"]).await;
    let mut source = source.restart().await;
    writer.write_all(b"4\n").unwrap();
    source.expect(&["4"]).await;
}

#[tokio::test]
async fn rotation_by_name_drains_the_old_file_first() {
    let (_directory, path) = directory();
    let mut writer = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    writer.write_all(b"1\n").unwrap();
    let mut source = Source::start(&path).await;
    source.expect(&["1"]).await;
    writer.write_all(b"2\n").unwrap();
    fs::rename(&path, path.with_extension("1")).unwrap();
    // The writer has not noticed yet.
    writer.write_all(b"3\n").unwrap();
    source.expect(&["2", "3"]).await;
    File::create(&path).unwrap();
    writer.write_all(b"4\nlast, without an end").unwrap();
    source.expect(&["4"]).await;
    drop(writer);
    append(&path, "5\n6\n");
    source.expect(&["last, without an end", "5", "6"]).await;
    let mut source = source.restart().await;
    append(&path, "7\n");
    source.expect(&["7"]).await;
}

#[tokio::test]
async fn several_rotations_in_a_row_are_read_in_order() {
    let (_directory, path) = directory();
    append(&path, "0\n");
    let mut source = Source::start_with(&path, None, &[("batch.size", "1")]).await;
    source.expect(&["0"]).await;
    for round in 1..=3 {
        fs::rename(&path, path.with_extension(round.to_string())).unwrap();
        append(&path, format!("{round}a\n{round}b\n"));
        // The task looks at the name with each poll, and keeps what it sees.
        source.poll().await.unwrap();
    }
    source.expect(&["1a", "1b", "2a", "2b", "3a", "3b"]).await;
}

#[tokio::test]
async fn file_that_is_deleted_and_made_again_is_read_from_the_start() {
    let (_directory, path) = directory();
    append(&path, "old\n");
    let mut source = Source::start(&path).await;
    source.expect(&["old"]).await;
    fs::remove_file(&path).unwrap();
    source.expect_nothing().await;
    append(&path, "new\nand more\n");
    source.expect(&["new", "and more"]).await;
}

#[tokio::test]
async fn file_that_is_replaced_at_once_is_read_from_the_start() {
    let (_directory, path) = directory();
    append(&path, "old\n");
    let mut source = Source::start(&path).await;
    source.expect(&["old"]).await;
    let other = path.with_extension("tmp");
    append(&other, "new one\nnew two\n");
    fs::rename(&other, &path).unwrap();
    source.expect(&["new one", "new two"]).await;
}

#[tokio::test]
async fn link_that_is_turned_to_another_file_is_followed() {
    let (directory, path) = directory();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    append(&first, "1\n");
    append(&second, "2\n");
    std::os::unix::fs::symlink(&first, &path).unwrap();
    let mut source = Source::start(&path).await;
    source.expect(&["1"]).await;
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&second, &path).unwrap();
    source.expect(&["2"]).await;
}

#[tokio::test]
async fn every_line_of_a_large_file_comes_once() {
    let (_directory, path) = directory();
    let lines: Vec<String> =
        (0..50_000).map(|n| format!("{n} {}", "\u{fc}".repeat(n % 90))).collect();
    append(&path, lines.join("\r\n") + "\r\n");
    let mut source = Source::start(&path).await;
    let deadline = Instant::now() + DEADLINE;
    while source.records.len() < lines.len() && Instant::now() < deadline {
        source.poll().await.unwrap();
    }
    assert_eq!(source.texts(), lines);
}

#[tokio::test]
async fn directory_in_place_of_the_file_fails_the_task_by_name() {
    let (_directory, path) = directory();
    fs::create_dir(&path).unwrap();
    let mut source = Source::start(&path).await;
    let error = source.poll().await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is not a regular file", path.display()));
    assert!(!error.is_retriable());
}

#[tokio::test]
async fn dropped_poll_loses_nothing() {
    let (_directory, path) = directory();
    append(&path, "half");
    let mut source = Source::start(&path).await;
    let mut dropped = 0;
    while dropped < 3 {
        match tokio::time::timeout(Duration::from_millis(30), source.poll()).await {
            Ok(count) => assert_eq!(count.unwrap(), 0),
            Err(_) => dropped += 1,
        }
    }
    append(&path, " done\n");
    source.expect(&["half done"]).await;
}
