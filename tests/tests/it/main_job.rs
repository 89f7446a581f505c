//! The main job: a file flows, line by line, through a topic to another file.

use std::collections::BTreeSet;

use end_to_end::clients::kcat;
use end_to_end::stack::Stack;
use end_to_end::wait::wait_until;

const SAMPLE: &str = "config/sample/input.txt";
const OUTPUT: &str = "data/output.txt";

fn wait_for_output(stack: &Stack, expected: &str) {
    wait_until("the sink file", || stack.read(OUTPUT) == expected);
}

#[test]
fn sample_flows_and_appended_lines_follow() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    let sample = stack.read(SAMPLE);
    assert!(sample.lines().count() >= 10, "the sample has too few lines");
    wait_for_output(&stack, &sample);

    stack.append(SAMPLE, "one more line, appended\n");
    let expected = stack.read(SAMPLE);
    wait_for_output(&stack, &expected);

    let shown = kcat(&stack.bootstrap(), &["-t", "connect-test", "-C", "-e", "-q"], None);
    assert_eq!(shown, expected);
    let listed = kcat(&stack.bootstrap(), &["-L"], None);
    assert!(listed.contains("topic \"connect-test\" with 1 partitions"), "{listed}");

    let _ = kcat(&stack.bootstrap(), &["-t", "connect-test", "-P"], Some("from kcat\n"));
    wait_for_output(&stack, &format!("{expected}from kcat\n"));

    let status = worker.stop();
    assert!(status.success(), "{status}\n{}", worker.output());
}

#[test]
fn second_run_resumes_without_a_lost_or_repeated_line() {
    let stack = Stack::new();
    let mut expected = stack.read(SAMPLE);
    for round in 0..3 {
        let mut worker = stack.start_main_job();
        wait_for_output(&stack, &expected);
        let line = format!("while running, round {round}: grün\n");
        stack.append(SAMPLE, &line);
        expected.push_str(&line);
        wait_for_output(&stack, &expected);
        let status = worker.stop();
        assert!(status.success(), "{status}\n{}", worker.output());
        let line = format!("while stopped, round {round}\r\n");
        stack.append(SAMPLE, &line);
        expected.push_str(&line.replace("\r\n", "\n"));
    }
    let _worker = stack.start_main_job();
    wait_for_output(&stack, &expected);
}

#[test]
fn first_screen_says_where_everything_is() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    wait_for_output(&stack, &stack.read(SAMPLE));
    assert!(worker.stop().success());
    let output = worker.output();
    for part in [
        format!("localhost:{}", stack.broker),
        format!("localhost:{}", stack.registry),
        format!("localhost:{}", stack.rest),
        "data".to_owned(),
        "local-file-source".to_owned(),
        "local-file-sink".to_owned(),
    ] {
        assert!(output.contains(&part), "no {part} in:\n{output}");
    }
}

#[test]
fn killed_run_loses_no_line() {
    let stack = Stack::new();
    let mut written = stack.read(SAMPLE);
    for round in 0..2 {
        let mut worker = stack.start_main_job();
        wait_until("every line in the sink file", || holds_all(&stack, &written));
        let line = format!("just before kill {round}\n");
        stack.append(SAMPLE, &line);
        written.push_str(&line);
        worker.kill();
    }
    let mut worker = stack.start_main_job();
    wait_until("every line in the sink file", || holds_all(&stack, &written));
    assert!(worker.stop().success());
}

/// Lines may be there twice after a kill, but none may be missing or torn.
fn holds_all(stack: &Stack, written: &str) -> bool {
    let output = stack.read(OUTPUT);
    let found: BTreeSet<&str> = output.lines().collect();
    let wanted: BTreeSet<&str> = written.lines().collect();
    found == wanted
}
