//! The worker's and the registry's REST interfaces, as curl sees them.

use end_to_end::clients::{json, request};
use end_to_end::stack::Stack;
use end_to_end::wait::wait_until;
use serde_json::json;

fn state(stack: &Stack, connector: &str) -> String {
    let url = stack.rest_url(&format!("/connectors/{connector}/status"));
    request("GET", &url, None)
        .and_then(|(_, text)| serde_json::from_str::<serde_json::Value>(&text).ok())
        .and_then(|status| status["tasks"][0]["state"].as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[test]
fn connectors_are_created_paused_resumed_changed_and_deleted() {
    let stack = Stack::new();
    let mut worker = stack.start_main_job();
    let connectors = stack.rest_url("/connectors");
    let listed = json("GET", &connectors, None, 200);
    assert_eq!(listed, json!(["local-file-sink", "local-file-source"]));

    let input = stack.path("in.txt");
    let config = json!({
        "connector.class": "FileStreamSource", "tasks.max": "1",
        "file": input, "topic": "connect-test",
    });
    let body = json!({"name": "second", "config": config}).to_string();
    let created = json("POST", &connectors, Some(&body), 201);
    assert_eq!(created["config"]["name"], "second");
    assert_eq!(created["type"], "source");
    let again = json("POST", &connectors, Some(&body), 409);
    assert_eq!(again["message"], "Connector second already exists");

    stack.append("in.txt", "through the second source\n");
    wait_until("the second source's line", || {
        stack.read("data/output.txt").contains("through the second source\n")
    });

    let second = format!("{connectors}/second");
    let _ = json("PUT", &format!("{second}/pause"), None, 202);
    wait_until("PAUSED", || state(&stack, "second") == "PAUSED");
    stack.append("in.txt", "while paused\n");
    let _ = json("PUT", &format!("{second}/resume"), None, 202);
    wait_until("RUNNING", || state(&stack, "second") == "RUNNING");
    wait_until("the line written while paused", || {
        stack.read("data/output.txt").contains("while paused\n")
    });

    let mut changed = config;
    changed["batch.size"] = json!("10");
    let put = json("PUT", &format!("{second}/config"), Some(&changed.to_string()), 200);
    assert_eq!(put["config"]["batch.size"], "10");
    let read = json("GET", &format!("{second}/config"), None, 200);
    assert_eq!(read["batch.size"], "10");

    let _ = json("DELETE", &second, None, 204);
    assert_eq!(json("GET", &second, None, 404)["message"], "Connector second not found");
    assert!(worker.stop().success());
}

#[test]
fn plugins_are_listed_and_configs_validated() {
    let stack = Stack::new();
    let _worker = stack.start_main_job();
    let plugins = json("GET", &stack.rest_url("/connector-plugins"), None, 200).to_string();
    assert!(plugins.contains("org.apache.kafka.connect.file.FileStreamSourceConnector"));

    let url = stack.rest_url("/connector-plugins/FileStreamSource/config/validate");
    let body = json!({"connector.class": "FileStreamSource", "tasks.max": "many"}).to_string();
    let answer = json("PUT", &url, Some(&body), 200);
    let errors: Vec<String> = answer["configs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["value"]["errors"].as_array().is_some_and(|e| !e.is_empty()))
        .map(|entry| entry["value"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(errors, ["name", "tasks.max", "topic"]);
    assert!(answer["error_count"].as_u64() >= Some(3), "{answer}");
}

#[test]
fn schemas_are_registered_with_curl() {
    let stack = Stack::new();
    let _worker = stack.start_main_job();
    let versions = stack.registry_url("/subjects/x-value/versions");
    let body = json!({"schema": "{\"type\":\"string\"}"}).to_string();
    let id = json("POST", &versions, Some(&body), 200)["id"].clone();
    assert_eq!(json("POST", &versions, Some(&body), 200)["id"], id);
    let by_id = json("GET", &stack.registry_url(&format!("/schemas/ids/{id}")), None, 200);
    assert_eq!(by_id["schema"], "\"string\"");

    let invalid = json!({"schema": "{\"type\":\"nothing\"}"}).to_string();
    assert_eq!(json("POST", &versions, Some(&invalid), 422)["error_code"], 42201);
    let incompatible = json!({"schema": "\"int\""}).to_string();
    let refused = json("POST", &versions, Some(&incompatible), 409);
    assert!(refused["message"].as_str().unwrap_or_default().contains("TYPE_MISMATCH"), "{refused}");
    let missing = json("GET", &stack.registry_url("/subjects/nobody/versions"), None, 404);
    assert_eq!(missing["error_code"], 40401);
    let (status, _) = request("POST", &versions, Some("{\"schema\":")).unwrap();
    assert!((400..500).contains(&status), "{status}");
}
