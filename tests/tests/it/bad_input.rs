//! Bad input: each case gets a clear error at the right place, and nothing is lost.

use std::fs;

use end_to_end::clients::{json, kcat, request};
use end_to_end::stack::{MAIN_JOB, Stack};
use end_to_end::wait::wait_until;
use serde_json::json;

/// Starts the main job, which must end with `code` and say every one of `parts`.
#[track_caller]
fn check_refused(stack: &Stack, arguments: &[&str], code: i32, parts: &[&str]) {
    let mut worker = stack.start("connect-standalone", arguments);
    let status = worker.wait();
    let output = worker.output();
    assert_eq!(status.code(), Some(code), "{output}");
    for part in parts {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }
    assert!(!output.contains("panicked"), "{output}");
}

#[test]
fn missing_file_is_named() {
    let stack = Stack::new();
    check_refused(&stack, &["config/none.properties"], 2, &["config/none.properties"]);
    check_refused(&stack, &[MAIN_JOB[0], "config/none.properties"], 3, &["config/none.properties"]);
}

#[test]
fn unknown_connector_class_names_the_nearest() {
    let stack = Stack::new();
    let file = stack.read(MAIN_JOB[1]).replace("FileStreamSource", "FileStreemSource");
    stack.write(MAIN_JOB[1], &file);
    let parts = ["FileStreemSource", "FileStreamSource", "FileStreamSinkConnector"];
    check_refused(&stack, &MAIN_JOB, 3, &parts);
}

#[test]
fn misspelt_key_warns_with_the_nearest_name_and_the_line() {
    let stack = Stack::new();
    stack.append(MAIN_JOB[0], "\noffset.flush.intervall.ms=1000\n");
    let line = stack.read(MAIN_JOB[1]).lines().count() + 1;
    stack.append(MAIN_JOB[1], "batch.sise=10\n");
    let connector = format!("batch.sise in line {line} is ignored; did you mean batch.size?");
    let mut worker = stack.start_main_job();
    assert!(worker.stop().success());
    let output = worker.output();
    for part in ["offset.flush.intervall.ms", "offset.flush.interval.ms", "line", &connector] {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }
}

#[test]
fn bad_value_names_key_value_and_expectation() {
    let stack = Stack::new();
    stack.append(MAIN_JOB[0], "\noffset.flush.interval.ms=soon\n");
    check_refused(&stack, &MAIN_JOB, 2, &["offset.flush.interval.ms", "soon", "LONG"]);
}

#[test]
fn ports_in_use_name_the_key_to_change() {
    for (key, which) in [("bootstrap.servers", 0), ("schema.registry.url", 1), ("listeners", 2)] {
        let stack = Stack::new();
        let port = [stack.broker, stack.registry, stack.rest][which];
        let _holder = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        check_refused(&stack, &MAIN_JOB, 2, &[&port.to_string(), key]);
    }
}

#[test]
fn data_directory_of_a_running_process_is_refused_with_its_id() {
    let stack = Stack::new();
    let mut first = stack.start_main_job();
    let other = Stack::new();
    let file = other.read(MAIN_JOB[0]);
    let data = stack.path("data");
    let moved = file.replace("./data", data.to_str().unwrap());
    assert_ne!(moved, file);
    other.write(MAIN_JOB[0], &moved);
    check_refused(&other, &MAIN_JOB, 2, &[&first.id().to_string(), "data"]);
    assert!(first.is_running());
    assert!(first.stop().success());
}

#[test]
fn corrupt_log_tail_is_cut_and_the_rest_is_served() {
    let stack = Stack::new();
    let sample = stack.read("config/sample/input.txt");
    let mut worker = stack.start_main_job();
    wait_until("the sink file", || stack.read("data/output.txt") == sample);
    worker.kill();

    let partition = find(&stack.path("data"), "connect-test-0");
    let log = partition.join("00000000000000000000.log");
    let good = fs::metadata(&log).unwrap().len();
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(&bytes.clone()[..40]);
    fs::write(&log, &bytes).unwrap();

    // Without the source, which may not have stored its offset before it was killed.
    let mut worker = stack.start("connect-standalone", &[MAIN_JOB[0], MAIN_JOB[2]]);
    stack.wait_for_rest(&mut worker);
    let shown = kcat(&stack.bootstrap(), &["-t", "connect-test", "-C", "-e", "-q"], None);
    assert_eq!(shown, sample);
    assert_eq!(fs::metadata(&log).unwrap().len(), good, "the torn batch is cut");
    assert!(worker.output().contains("00000000000000000000.log"), "{}", worker.output());
    assert!(worker.stop().success());
}

fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with(name) {
                return path;
            }
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    panic!("no {name} under {}", folder.display());
}

#[test]
fn unreadable_offsets_file_is_refused_and_left_alone() {
    let stack = Stack::new();
    stack.write("data/connect.offsets", "not a map of Java's");
    check_refused(&stack, &MAIN_JOB, 2, &["connect.offsets"]);
    assert_eq!(stack.read("data/connect.offsets"), "not a map of Java's");
}

#[test]
fn json_body_cut_short_is_a_client_error() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    let (status, text) =
        request("POST", &stack.rest_url("/connectors"), Some("{\"name\":")).unwrap();
    assert!((400..=500).contains(&status), "{status} {text}");
    let error: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error["error_code"], status);
    assert!(worker.is_running());
}

#[test]
fn failing_task_shows_its_reason_and_harms_nobody() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    let body = json!({"name": "broken", "config": {
        "connector.class": "FileStreamSink", "topics": "connect-test",
        "file": "/nowhere/out.txt",
    }});
    let _ = json("POST", &stack.rest_url("/connectors"), Some(&body.to_string()), 201);
    let url = stack.rest_url("/connectors/broken/status");
    wait_until("FAILED with a reason", || {
        let (_, text) = request("GET", &url, None).unwrap();
        text.contains("FAILED") && text.contains("/nowhere/out.txt")
    });
    stack.append("config/sample/input.txt", "still served\n");
    wait_until("the other sink", || stack.read("data/output.txt").contains("still served\n"));
    assert!(worker.stop().success());
}
