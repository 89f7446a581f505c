//! The contract of the REST API: status codes, bodies and messages that clients match on.

use serde_json::{Value, json};

use crate::harness::Worker;

fn source(worker: &Worker) -> Value {
    worker.file_source("input.txt", "lines")
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_says_who_it_is() {
    let worker = Worker::start().await;
    let root = worker.get("/").await;
    assert_eq!(root["version"], "4.0.0");
    assert!(root["kafka_cluster_id"].is_string(), "{root}");
    assert_eq!(worker.get("/health").await["status"], "healthy");
    assert_eq!(worker.get("/connectors").await, json!([]));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_lives_from_post_to_delete() {
    let worker = Worker::start().await;
    let body = json!({"name": " a b/ü ", "config": source(&worker)});
    let (status, info) = worker.send("POST", "/connectors", Some(body)).await;
    assert_eq!(status, 201, "{info}");
    assert_eq!(info["name"], "a b/ü");
    assert_eq!(info["type"], "source");
    assert_eq!(info["tasks"], json!([{"connector": "a b/ü", "task": 0}]));
    let path = "/connectors/a%20b%2F%C3%BC";
    assert_eq!(worker.get("/connectors").await, json!(["a b/ü"]));
    assert_eq!(worker.get(path).await["config"]["topic"], "lines");
    assert_eq!(worker.get(&format!("{path}/config")).await["name"], "a b/ü");
    let tasks = worker.get(&format!("{path}/tasks")).await;
    assert_eq!(
        tasks[0]["config"]["task.class"],
        "org.apache.kafka.connect.file.FileStreamSourceTask"
    );
    let expanded = worker.get("/connectors?expand=status&expand=info&expand=more").await;
    assert_eq!(expanded["a b/ü"]["info"]["type"], "source");
    assert_eq!(expanded["a b/ü"]["status"]["connector"]["state"], "RUNNING");
    assert_eq!(worker.send("DELETE", path, None).await, (204, Value::Null));
    assert_eq!(worker.get("/connectors").await, json!([]));
    let (status, gone) = worker.send("GET", &format!("{path}/status"), None).await;
    assert_eq!(status, 404);
    assert_eq!(gone["message"], "No status found for connector a b/ü");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_creates_then_replaces_and_patch_merges() {
    let worker = Worker::start().await;
    let path = "/connectors/c/config";
    assert_eq!(worker.send("PUT", path, Some(source(&worker))).await.0, 201);
    assert_eq!(worker.send("PUT", path, Some(source(&worker))).await.0, 200);
    let change = json!({"batch.size": 7, "topic": "other"});
    let (status, info) = worker.send("PATCH", path, Some(change)).await;
    assert_eq!((status, &info["config"]["batch.size"]), (200, &json!("7")));
    let (_, info) = worker.send("PATCH", path, Some(json!({"batch.size": null}))).await;
    assert_eq!(info["config"].get("batch.size"), None);
    assert_eq!(info["config"]["topic"], "other");
    worker.stop().await;
}

async fn check(worker: &Worker, request: (&str, &str, Option<Value>), status: u16, message: &str) {
    let (method, path, body) = request;
    let (found, answer) = worker.send(method, path, body).await;
    assert_eq!(found, status, "{method} {path}: {answer}");
    assert_eq!(answer["error_code"], status, "{answer}");
    let text = answer["message"].as_str().unwrap();
    assert!(text.contains(message), "{method} {path}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_answered_as_kafka_connect_does() {
    let worker = Worker::start().await;
    worker.create("c", source(&worker)).await;
    let post = |body: Value| ("POST", "/connectors", Some(body));
    let valid = source(&worker);
    check(&worker, post(json!({"name": "c", "config": valid})), 409, "Connector c already exists")
        .await;
    check(&worker, post(json!({"name": "d", "config": {}})), 400, "contains no connector type")
        .await;
    check(&worker, post(json!({"name": "d"})), 400, "config").await;
    check(&worker, ("POST", "/connectors", None), 400, "no body").await;
    check(&worker, post(json!({"nome": "d"})), 500, "unknown field").await;
    let unknown = json!({"name": "d", "config": {"connector.class": "FileStreamSorce"}});
    check(&worker, post(unknown), 500, "did you mean FileStreamSource?").await;
    let invalid = json!({"name": "d", "config": {"connector.class": "FileStreamSource"}});
    check(&worker, post(invalid), 400, "contains the following 1 error(s):\n").await;
    let blank = json!({"name": " ", "config": valid});
    check(&worker, post(blank), 400, "String may not be empty").await;
    let mismatch = ("PUT", "/connectors/x/config", Some(json!({"name": "y"})));
    check(&worker, mismatch, 400, "(y) doesn't match connector name in the URL (x)").await;
    let odd = json!({"name": "d", "config": valid, "initial_state": "ON"});
    check(&worker, post(odd), 500, "initial_state").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_answered_with_404() {
    let worker = Worker::start().await;
    worker.create("c", source(&worker)).await;
    check(&worker, ("GET", "/connectors/x", None), 404, "Connector x not found").await;
    check(&worker, ("GET", "/connectors/x/config", None), 404, "Connector x not found").await;
    check(&worker, ("GET", "/connectors/x/offsets", None), 404, "Connector x not found").await;
    check(&worker, ("DELETE", "/connectors/x", None), 404, "Connector x not found").await;
    check(&worker, ("PUT", "/connectors/x/pause", None), 404, "Unknown connector x").await;
    check(&worker, ("POST", "/connectors/x/restart", None), 404, "Unknown connector: x").await;
    check(&worker, ("POST", "/connectors/c/tasks/9/restart", None), 404, "Task c-9 not found")
        .await;
    check(&worker, ("GET", "/connectors/c/tasks/9/status", None), 404, "task c-9").await;
    check(&worker, ("GET", "/nowhere", None), 404, "HTTP 404 Not Found").await;
    check(&worker, ("PATCH", "/connectors", None), 405, "HTTP 405 Method Not Allowed").await;
    assert_eq!(worker.get("/connectors/x/topics").await, json!({"x": {"topics": []}}));
    let status = worker.get("/connectors/c/status").await;
    assert_eq!(status["tasks"].as_array().unwrap().len(), 1, "no ghost task");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_is_cut_short_or_no_json_is_refused() {
    let worker = Worker::start().await;
    let json = "application/json; charset=utf-8";
    let (status, answer) = worker.send_raw("POST", "/connectors", (json, "{\"name\":")).await;
    assert_eq!(status, 500);
    assert!(answer["message"].as_str().unwrap().contains("malformed JSON"), "{answer}");
    let form = "application/x-www-form-urlencoded";
    let (status, answer) = worker.send_raw("POST", "/connectors", (form, "{}")).await;
    assert_eq!((status, &answer["error_code"]), (415, &json!(415)));
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let (status, answer) = worker.send_raw("POST", "/connectors", (json, &large)).await;
    assert_eq!((status, &answer["error_code"]), (413, &json!(413)));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_created_paused_has_no_tasks_until_its_first_resume() {
    let worker = Worker::start().await;
    let body = json!({"name": "c", "config": source(&worker), "initial_state": "paused"});
    assert_eq!(worker.send("POST", "/connectors", Some(body)).await.0, 201);
    assert_eq!(worker.get("/connectors/c/status").await["connector"]["state"], "PAUSED");
    assert_eq!(worker.get("/connectors/c/tasks").await, json!([]));
    worker.send("PUT", "/connectors/c/resume", None).await;
    worker.wait_for_task("c", "RUNNING").await;
    let body = json!({"name": "s", "config": source(&worker), "initial_state": "STOPPED"});
    assert_eq!(worker.send("POST", "/connectors", Some(body)).await.0, 201);
    assert_eq!(worker.get("/connectors/s/status").await["connector"]["state"], "STOPPED");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn path_that_is_no_text_is_refused_in_json() {
    let worker = Worker::start().await;
    let (status, body) = worker.send("GET", "/connectors/%FF/status", None).await;
    assert_eq!((status, &body["error_code"]), (400, &json!(400)), "{body}");
    worker.stop().await;
}
