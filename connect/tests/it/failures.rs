//! Connectors, records and files that are at fault: visible, named, and no harm to others.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Worker, try_start, wait};

fn faulty(fault: &str) -> Value {
    json!({"connector.class": "FaultySource", "fault": fault})
}

#[tokio::test(flavor = "multi_thread")]
async fn task_that_fails_or_panics_is_failed_with_its_reason_and_others_go_on() {
    let worker = Worker::start().await;
    worker.create("panics", faulty("panic")).await;
    worker.create("fails", faulty("poll")).await;
    worker.create("well", faulty("none")).await;
    let status = worker.wait_for_task("panics", "FAILED").await;
    let trace = status["trace"].as_str().unwrap();
    assert!(trace.contains("task panicked: index out of range on purpose"), "{trace}");
    worker.wait_for_task("fails", "FAILED").await;
    worker.wait_for_task("well", "RUNNING").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_task_runs_again_after_a_restart() {
    let worker = Worker::start().await;
    worker.create("c", faulty("panic")).await;
    worker.wait_for_task("c", "FAILED").await;
    let path = "/connectors/c/restart?includeTasks=true&onlyFailed=true";
    let (status, body) = worker.send("POST", path, None).await;
    assert_eq!(status, 202);
    assert_eq!(body["connector"]["state"], "RUNNING");
    assert_eq!(body["tasks"][0]["state"], "RESTARTING");
    worker.wait_for_task("c", "FAILED").await;
    let (status, _) = worker.send("PUT", "/connectors/c/config", Some(faulty("none"))).await;
    assert_eq!(status, 200);
    worker.wait_for_task("c", "RUNNING").await;
    assert_eq!(worker.send("POST", "/connectors/c/tasks/0/restart", None).await.0, 204);
    worker.wait_for_task("c", "RUNNING").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_does_not_start_is_failed_and_can_be_mended() {
    let worker = Worker::start().await;
    let body = json!({"name": "c", "config": faulty("start")});
    let (status, answer) = worker.send("POST", "/connectors", Some(body)).await;
    assert_eq!(status, 500);
    assert!(answer["message"].as_str().unwrap().contains("the outside system refuses"));
    let status = worker.get("/connectors/c/status").await;
    assert_eq!(status["connector"]["state"], "FAILED");
    assert!(status["connector"]["trace"].as_str().unwrap().contains("refuses"), "{status}");
    assert_eq!(worker.send("PUT", "/connectors/c/config", Some(faulty("none"))).await.0, 200);
    worker.wait_for_task("c", "RUNNING").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_of_a_provider_shows_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secrets.properties"), "password=hunter22\n").unwrap();
    let providers = format!(
        "config.providers=file\n\
         config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n\
         config.providers.file.param.allowed.paths={}\n",
        folder.path().display()
    );
    let worker = Worker::start_in(folder, &providers).await;
    let reference = format!("${{file:{}:password}}", worker.path("secrets.properties").display());
    let mut config = faulty("poll");
    config["secret"] = json!(reference);
    worker.create("c", config).await;
    let status = worker.wait_for_task("c", "FAILED").await;
    assert!(status["trace"].as_str().unwrap().contains("login with"), "{status}");
    for path in ["/connectors/c/status", "/connectors/c/config", "/connectors/c/tasks"] {
        let shown = worker.get(path).await.to_string();
        assert!(!shown.contains("hunter22"), "{path}: {shown}");
    }
    assert_eq!(worker.get("/connectors/c/tasks").await[0]["config"]["secret"], reference);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validation_shows_references_and_not_what_they_stand_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secrets.properties"), "password=hunter22\n").unwrap();
    let providers = "config.providers=file\nconfig.providers.file.class=FileConfigProvider\n";
    let worker = Worker::start_in(folder, providers).await;
    let reference = format!("${{file:{}:password}}", worker.path("secrets.properties").display());
    let config = json!({
        "name": "c", "connector.class": "FileStreamSink", "topics": "lines", "file": reference,
        "tasks.max": reference, "consumer.override.client.rack": reference,
    });
    let path = "/connector-plugins/FileStreamSink/config/validate";
    let (status, infos) = worker.send("PUT", path, Some(config.clone())).await;
    assert_eq!(status, 200, "{infos}");
    assert_eq!(infos["error_count"], 1, "{infos}");
    assert!(!infos.to_string().contains("hunter22"), "{infos}");
    let shown = infos["configs"].as_array().unwrap().iter();
    let shown = shown.filter(|info| info["value"]["value"] == reference);
    assert_eq!(shown.count(), 2, "{infos}");
    let (status, answer) = worker.send("PUT", "/connectors/c/config", Some(config)).await;
    assert_eq!(status, 400, "{answer}");
    assert!(!answer.to_string().contains("hunter22"), "{answer}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_that_fails_retriably_gets_the_same_records_again() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\nb\n").unwrap();
    worker.create("in", worker.file_source("input.txt", "lines")).await;
    let sink = json!({
        "connector.class": "FaultySink", "topics": "lines", "failures": 2,
        "file": worker.path("output.txt"),
    });
    worker.create("out", sink).await;
    worker.wait_for_content("output.txt", "a\nb\n").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn put_that_fails_for_good_fails_the_task_and_commits_nothing() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\nb\n").unwrap();
    worker.create("in", worker.file_source("input.txt", "lines")).await;
    let mut sink = json!({
        "connector.class": "FaultySink", "topics": "lines", "fatal": true,
        "file": worker.path("output.txt"),
    });
    worker.create("out", sink.clone()).await;
    let status = worker.wait_for_task("out", "FAILED").await;
    assert!(status["trace"].as_str().unwrap().contains("the outside system is gone"), "{status}");
    sink["fatal"] = json!(false);
    assert_eq!(worker.send("PUT", "/connectors/out/config", Some(sink)).await.0, 200);
    worker.wait_for_content("output.txt", "a\nb\n").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn task_that_hangs_is_given_up_and_stores_no_offset_later() {
    let more = "task.shutdown.graceful.timeout.ms=200\noffset.flush.interval.ms=60000\n";
    let worker = Worker::start_in(tempfile::tempdir().unwrap(), more).await;
    let mut config = faulty("hang");
    config["file"] = json!(worker.path("go-on"));
    worker.create("c", config).await;
    worker.create("out", worker.file_sink("output.txt", "lines")).await;
    worker.wait_for_content("output.txt", "one\n").await;
    assert_eq!(worker.send("PUT", "/connectors/c/stop", None).await.0, 204);
    let status = worker.get("/connectors/c/status").await;
    assert_eq!((&status["connector"]["state"], &status["tasks"]), (&json!("STOPPED"), &json!([])));
    std::fs::write(worker.path("go-on"), "").unwrap();
    // The task removes the file when it stops, after its last commit.
    wait(async || !worker.path("go-on").exists()).await;
    assert!(!worker.path("go-on").exists());
    assert_eq!(worker.get("/connectors/c/offsets").await, json!({"offsets": []}));
    assert_eq!(worker.get("/connectors/c/status").await["tasks"], json!([]));
    worker.stop().await;
}

/// A source that writes Avro, and needs a registry on `port` for that.
fn avro_source(worker: &Worker, port: u16) -> Value {
    let mut config = worker.file_source("input.txt", "lines");
    config["value.converter"] = json!("io.confluent.connect.avro.AvroConverter");
    config["value.converter.schema.registry.url"] = json!(format!("http://127.0.0.1:{port}"));
    config["errors.tolerance"] = json!("all");
    config["errors.retry.delay.max.ms"] = json!(50);
    config
}

/// A registry that hangs up on so many requests, then gives every schema the id 1.
struct Registry {
    port: u16,
    requests: Arc<AtomicUsize>,
}

impl Registry {
    fn away_for(hang_ups: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                if counter.fetch_add(1, Ordering::SeqCst) >= hang_ups {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                                  connection: close\r\ncontent-length: 8\r\n\r\n{\"id\":1}";
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        Self { port, requests }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registry_that_is_away_is_waited_for_and_no_record_is_skipped() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\n").unwrap();
    let registry = Registry::away_for(20);
    worker.create("in", avro_source(&worker, registry.port)).await;
    let mut raw = worker.file_sink("output.txt", "lines");
    raw["value.converter"] = json!("org.apache.kafka.connect.converters.ByteArrayConverter");
    worker.create("out", raw).await;
    wait(async || std::fs::metadata(worker.path("output.txt")).is_ok_and(|file| file.len() > 0))
        .await;
    assert!(std::fs::metadata(worker.path("output.txt")).unwrap().len() > 0);
    assert!(registry.requests() > 20);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_while_a_registry_is_away_is_no_failure() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "a\n").unwrap();
    let registry = Registry::away_for(usize::MAX);
    worker.create("in", avro_source(&worker, registry.port)).await;
    wait(async || registry.requests() > 5).await;
    let herder = worker.herder();
    worker.stop().await;
    let status = herder.status("in").unwrap();
    assert_eq!(status.tasks[&0].state.name(), "UNASSIGNED", "{:?}", status.tasks[&0].trace);
}

/// A sink whose JSON converter refuses the line `bad`.
fn json_sink(worker: &Worker, more: &Value) -> Value {
    let mut config = worker.file_sink("output.txt", "lines");
    config["value.converter"] = json!("org.apache.kafka.connect.json.JsonConverter");
    config["value.converter.schemas.enable"] = json!(false);
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_record_fails_its_task_and_is_named() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "1\nbad\n2\n").unwrap();
    worker.create("in", worker.file_source("input.txt", "lines")).await;
    worker.create("out", json_sink(&worker, &json!({}))).await;
    let status = worker.wait_for_task("out", "FAILED").await;
    let trace = status["trace"].as_str().unwrap();
    assert!(trace.contains("topic='lines', partition=0, offset=1"), "{trace}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tolerated_record_goes_to_the_dead_letter_queue_as_it_was() {
    let worker = Worker::start().await;
    std::fs::write(worker.path("input.txt"), "1\nbad\n2\n").unwrap();
    worker.create("in", worker.file_source("input.txt", "lines")).await;
    let tolerant = json!({
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.topic.replication.factor": 1,
        "errors.deadletterqueue.context.headers.enable": true,
    });
    worker.create("out", json_sink(&worker, &tolerant)).await;
    worker.create("dead", worker.file_sink("dead.txt", "dead")).await;
    worker.wait_for_content("output.txt", "1\n2\n").await;
    worker.wait_for_content("dead.txt", "bad\n").await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_rest_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let more = format!("listeners=http://127.0.0.1:{port}\n");
    let error = try_start(folder.path(), &more).await.err().unwrap().full_text();
    assert!(error.contains(&port.to_string()) && error.contains("listeners"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_broker_port_is_named_with_the_key_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let more = format!("bootstrap.servers=127.0.0.1:{port}\n");
    let error = try_start(folder.path(), &more).await.err().unwrap().full_text();
    for expected in [port.to_string().as_str(), "bootstrap.servers", "embedded=true"] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_registry_port_is_named_with_the_key_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let more = format!("schema.registry.url=http://127.0.0.1:{port}\n");
    let error = try_start(folder.path(), &more).await.err().unwrap().full_text();
    assert!(error.contains(&format!("{port} (schema.registry.url)")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_offsets_file_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connect.offsets");
    std::fs::write(&path, "garbage").unwrap();
    let error = try_start(folder.path(), "").await.err().unwrap().full_text();
    assert!(error.contains("connect.offsets") && error.contains("unreadable"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"garbage");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_of_a_running_worker_is_refused() {
    let worker = Worker::start().await;
    let other = tempfile::tempdir().unwrap();
    let more = format!("embedded.data.dir={}\n", worker.path("data").display());
    let error = try_start(other.path(), &more).await.err().unwrap().full_text();
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    let mut healthy = Value::Null;
    wait(async || {
        healthy = worker.get("/health").await;
        healthy["status"] == "healthy"
    })
    .await;
    assert_eq!(healthy["status"], "healthy");
    worker.stop().await;
}
