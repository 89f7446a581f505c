//! The same pipeline with Avro: records carry a schema id that other people's clients resolve.

use end_to_end::clients::{json, python};
use end_to_end::stack::{MAIN_JOB, Stack};
use end_to_end::wait::wait_until;

const AVRO: &str = "value.converter=io.confluent.connect.avro.AvroConverter\n\
                    value.converter.schema.registry.url=http://localhost:";

#[test]
fn avro_on_both_connectors_registers_and_decodes() {
    let stack = Stack::new();
    for file in &MAIN_JOB[1..] {
        stack.append(file, &format!("\n{AVRO}{}\n", stack.registry));
    }
    let mut worker = stack.start_main_job();
    let sample = stack.read("config/sample/input.txt");
    wait_until("the sink file", || stack.read("data/output.txt") == sample);

    let subjects = json("GET", &stack.registry_url("/subjects"), None, 200);
    assert_eq!(subjects, serde_json::json!(["connect-test-value"]));
    let version = stack.registry_url("/subjects/connect-test-value/versions/latest");
    assert_eq!(json("GET", &version, None, 200)["schema"], "\"string\"");

    let registry = stack.registry_url("");
    let decoded = python("avro_values.py", &[&stack.bootstrap(), &registry, "connect-test"]);
    assert_eq!(decoded, sample);
    assert!(worker.stop().success());
}

#[test]
fn records_of_another_client_reach_the_file_sink() {
    let stack = Stack::new();
    stack.append(MAIN_JOB[2], &format!("\n{AVRO}{}\n", stack.registry));
    stack.append(MAIN_JOB[2], "topics=orders\n");
    let mut worker = stack.start_main_job();
    let registry = stack.registry_url("");
    let sent = python("avro_records.py", &[&stack.bootstrap(), &registry, "orders"]);
    assert_eq!(sent, "sent\n");
    let expected = "Struct{id=1,price=1.5,kind=OLD,tags=[a, b],counts={x=1}}\n\
                    Struct{id=2,price=1.5,kind=OLD,tags=[a, b],counts={x=1},note=ü}\n\
                    Struct{id=3,price=1.5,kind=OLD,tags=[],counts={},paid=true}\n";
    wait_until("the orders in the sink file", || stack.read("data/output.txt") == expected);
    let versions = json("GET", &stack.registry_url("/subjects/orders-value/versions"), None, 200);
    assert_eq!(versions, serde_json::json!([1, 2]));
    assert!(worker.stop().success());
}
