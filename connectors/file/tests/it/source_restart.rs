//! Where a source goes on after a stop, whatever has become of its file.

use std::fs;
use std::path::PathBuf;

use connect_api::{OffsetMap, Value};
use tempfile::TempDir;

use crate::harness::{Source, append, java_offset};

fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    fs::write(&path, text).unwrap();
    (directory, path)
}

#[tokio::test]
async fn restart_after_text_that_is_not_ascii_goes_on_at_the_next_line() {
    let (_directory, path) = file("gr\u{fc}n \u{1f33f}\n\u{9577}\u{6c5f}\nhalf");
    let mut source = Source::start(&path).await;
    source.expect(&["gr\u{fc}n \u{1f33f}", "\u{9577}\u{6c5f}"]).await;
    let mut source = source.restart().await;
    source.expect_nothing().await;
    append(&path, " a line\nnext\n");
    let mut source = source.restart().await;
    // Nothing was read by the task in between: it starts without an offset.
    source.expect(&["gr\u{fc}n \u{1f33f}", "\u{9577}\u{6c5f}", "half a line", "next"]).await;
    let mut source = source.restart().await;
    append(&path, "last\n");
    source.expect(&["last"]).await;
}

#[tokio::test]
async fn invalid_utf8_does_not_move_the_position() {
    let (_directory, path) = file("");
    append(&path, b"a\xffb\n\xe2\x82\nc\n");
    let mut source = Source::start_with(&path, None, &[("batch.size", "2")]).await;
    source.expect(&["a\u{fffd}b", "\u{fffd}"]).await;
    assert_eq!(source.offset().get("position"), Some(&Value::Int64(7)));
    let mut source = source.restart().await;
    source.expect(&["c"]).await;
}

#[tokio::test]
async fn file_that_became_shorter_is_read_from_the_start() {
    let (_directory, path) = file("a long line\nanother long line\n");
    let mut source = Source::start(&path).await;
    source.expect(&["a long line", "another long line"]).await;
    let stored = source.stop().await;
    fs::write(&path, "new\n").unwrap();
    let mut source = Source::start_with(&path, stored, &[]).await;
    source.expect(&["new"]).await;
}

#[tokio::test]
async fn longer_file_with_other_content_is_read_from_the_start() {
    let (_directory, path) = file("first\nsecond\n");
    let mut source = Source::start(&path).await;
    source.expect(&["first", "second"]).await;
    let stored = source.stop().await;
    fs::rename(&path, path.with_extension("1")).unwrap();
    fs::write(&path, "other1\nother\nmore\n").unwrap();
    let mut source = Source::start_with(&path, stored, &[]).await;
    source.expect(&["other1", "other", "more"]).await;
}

#[tokio::test]
async fn copy_with_the_same_content_goes_on() {
    let (_directory, path) = file("first\nsecond\n");
    let mut source = Source::start(&path).await;
    source.expect(&["first", "second"]).await;
    let stored = source.stop().await;
    let copy = path.with_extension("copy");
    fs::copy(&path, &copy).unwrap();
    append(&copy, "third\n");
    fs::rename(&copy, &path).unwrap();
    let mut source = Source::start_with(&path, stored, &[]).await;
    source.expect(&["third"]).await;
}

#[tokio::test]
async fn offset_of_java_is_taken_over() {
    let (_directory, path) = file("one\ntwo\nthree\n");
    let mut source = Source::start_with(&path, Some(java_offset(8)), &[]).await;
    source.expect(&["three"]).await;
}

#[tokio::test]
async fn offset_of_java_inside_a_line_gives_no_broken_line() {
    // Java counts characters: after the two umlauts its position is two bytes short.
    let (_directory, path) = file("\u{e4}\u{f6}\ntwo\nthree\n");
    let mut source = Source::start_with(&path, Some(java_offset(7)), &[]).await;
    source.expect(&["two", "three"]).await;
}

#[tokio::test]
async fn altered_position_counts_even_beside_an_old_fingerprint() {
    let (_directory, path) = file("one\ntwo\nthree\n");
    let mut source = Source::start(&path).await;
    source.expect(&["one", "two", "three"]).await;
    let mut altered = source.stop().await.unwrap();
    altered.insert("position", Value::Int64(4));
    let mut source = Source::start_with(&path, Some(altered), &[]).await;
    source.expect(&["two", "three"]).await;
}

#[tokio::test]
async fn position_of_another_type_fails_the_task() {
    use std::sync::Arc;

    use connect_api::{SourceConnector, SourceTaskContext};

    struct Bad;

    #[async_trait::async_trait]
    impl connect_api::connector::OffsetReader for Bad {
        async fn offset(
            &self,
            _partition: &connect_api::PartitionMap,
        ) -> connect_api::Result<Option<OffsetMap>> {
            Ok(Some(OffsetMap::new([("position", Value::from("x"))])))
        }
    }

    let mut task = connector_file::FileStreamSourceConnector::new().task();
    let context = SourceTaskContext { connector: Arc::from("c"), task: 0, offsets: Arc::new(Bad) };
    let given = crate::harness::settings(&[("file", "in"), ("topic", "t")]);
    let error = task.start(context, &given).await.unwrap_err();
    assert_eq!(error.to_string(), "stored offset has a position of type string, expected int64");
}
