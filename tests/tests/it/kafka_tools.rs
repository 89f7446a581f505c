//! Apache Kafka's own dump tool reads every file that the broker writes, and finds no fault.

use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::clients::kcat;
use end_to_end::process::repository;
use end_to_end::stack::Stack;
use end_to_end::wait::wait_until;

/// Folder of Kafka's jars, which `scripts/test` fetches.
fn jars() -> String {
    let folder = std::env::var_os("WATERSHED_KAFKA")
        .map_or_else(|| repository().join(".cache/kafka-4.3.1/libs"), PathBuf::from);
    assert!(folder.exists(), "no Kafka jars; scripts/test fetches them");
    format!("{}/*", folder.display())
}

fn dump(files: &[PathBuf], more: &[&str]) -> String {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let output = Command::new("timeout")
        .args(["120", "java", "-cp", &jars(), "org.apache.kafka.tools.DumpLogSegments", "--files"])
        .arg(files.join(","))
        .args(more)
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    for complaint in
        ["Mismatch", "Non-consecutive", "invalid", "Exception", "corrupt", "isvalid: false"]
    {
        assert!(!text.contains(complaint), "{complaint} in:\n{text}");
    }
    text
}

fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn dump_tool_finds_no_fault_in_any_file() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    let mut expected = stack.read("config/sample/input.txt");
    wait_until("the sink file", || stack.read("data/output.txt") == expected);
    let lines: String = (0..2000).map(|number| format!("line {number}\n")).collect();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let arguments = ["-t", "connect-test", "-P", "-z", codec, "-X", "linger.ms=5"];
        let _ = kcat(&stack.bootstrap(), &arguments, Some(&lines));
        expected.push_str(&lines);
    }
    wait_until("the sink file", || stack.read("data/output.txt") == expected);
    assert!(worker.stop().success());

    let data = stack.path("data");
    let holds = |path: &Path, folder: &str| path.to_string_lossy().contains(folder);
    let of =
        |kind: &'static str| move |path: &Path| path.extension().is_some_and(|found| found == kind);
    let logs = files(&data, &|path| of("log")(path) && holds(path, "connect-test-0"));
    assert!(!logs.is_empty());
    let text = dump(&logs, &["--print-data-log"]);
    assert!(text.contains("payload: line 1999"), "{text}");
    for kind in ["index", "timeindex"] {
        let indexes = files(&data, &|path| of(kind)(path) && holds(path, "connect-test-0"));
        assert!(!indexes.is_empty());
        let _ = dump(&indexes, &[]);
    }
    let snapshots = files(&data, &of("snapshot"));
    if !snapshots.is_empty() {
        let _ = dump(&snapshots, &[]);
    }

    let offsets = files(&data, &|path| of("log")(path) && holds(path, "__consumer_offsets"));
    let text = dump(&offsets, &["--offsets-decoder"]);
    assert!(text.contains("connect-local-file-sink"), "{text}");
    let metadata = files(&data, &|path| of("log")(path) && holds(path, "__cluster_metadata"));
    let text = dump(&metadata, &["--cluster-metadata-decoder"]);
    assert!(text.contains("connect-test"), "{text}");
}
