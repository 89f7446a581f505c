//! Python's clients against the embedded broker and registry.

use end_to_end::clients::python;
use end_to_end::stack::Stack;

#[test]
fn confluent_kafka_works_unmodified() {
    let stack = Stack::new();
    let _worker = stack.start_main_job();
    let registry = stack.registry_url("");
    let said = python("confluent_kafka_test.py", &[&stack.bootstrap(), &registry]);
    assert!(said.ends_with("ok\n"), "{said}");
}

#[test]
fn kafka_python_works_unmodified() {
    let stack = Stack::new();
    let _worker = stack.start_main_job();
    let said = python("kafka_python_test.py", &[&stack.bootstrap()]);
    assert!(said.ends_with("ok\n"), "{said}");
}
