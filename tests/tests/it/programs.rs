//! The four programs on their own, each from its shipped file.

use end_to_end::clients::{get, json, kcat};
use end_to_end::stack::{MAIN_JOB, Stack};
use end_to_end::wait::wait_until;

#[test]
fn worker_and_registry_run_on_a_broker_of_their_own() {
    let stack = Stack::new();
    let mut broker = stack.start("broker", &["config/server.properties"]);
    wait_until("the broker", || {
        assert!(broker.is_running(), "{}", broker.output());
        broker.output().contains(&stack.broker.to_string())
    });
    let mut registry = stack.start("schema-registry", &["config/schema-registry.properties"]);
    wait_until("the registry", || {
        assert!(registry.is_running(), "{}", registry.output());
        get(&stack.registry_url("/subjects")).is_some_and(|(status, _)| status == 200)
    });

    let worker_file = stack.read(MAIN_JOB[0]);
    stack.write(MAIN_JOB[0], &worker_file.replace("embedded=true", "embedded=false"));
    let mut worker = stack.start_main_job();
    let sample = stack.read("config/sample/input.txt");
    wait_until("the sink file", || stack.read("data/output.txt") == sample);
    let subjects = json("GET", &stack.registry_url("/subjects"), None, 200);
    assert_eq!(subjects, serde_json::json!([]));
    assert!(worker.stop().success(), "{}", worker.output());
    assert!(registry.stop().success(), "{}", registry.output());

    assert!(broker.stop().success(), "{}", broker.output());
    let mut broker = stack.start("broker", &["config/server.properties"]);
    let shown = kcat(&stack.bootstrap(), &["-t", "connect-test", "-C", "-e", "-q"], None);
    assert_eq!(shown, sample, "after a restart of the broker");
    assert!(broker.stop().success(), "{}", broker.output());
}

#[test]
fn distributed_worker_says_that_it_is_not_there_yet() {
    let stack = Stack::new();
    let mut worker = stack.start("connect-distributed", &["config/connect-distributed.properties"]);
    assert_eq!(worker.wait().code(), Some(2), "{}", worker.output());
    assert!(worker.output().contains("distributed"), "{}", worker.output());
}
