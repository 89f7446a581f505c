//! A worker with embedded servers in a folder of its own, and an HTTP client for it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use config::Properties;
use connect::config::WorkerConfig;
use connect::herder::StandaloneHerder;
use connect::standalone::{RunningStandalone, StandaloneError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::test_plugins;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// A worker that runs, and where.
pub(crate) struct Worker {
    running: Option<RunningStandalone>,
    folder: TempDir,
    url: String,
    http: reqwest::Client,
}

/// Finds a port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Settings of a worker in `folder`; later lines win.
pub(crate) fn settings(folder: &Path, more: &str) -> Properties {
    let text = format!(
        "embedded=true\n\
         embedded.data.dir={folder}/data\n\
         embedded.broker.flush.policy=os\n\
         bootstrap.servers=localhost:{port}\n\
         listeners=http://localhost:0\n\
         offset.storage.file.filename={folder}/connect.offsets\n\
         offset.flush.interval.ms=200\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         {more}",
        folder = folder.display(),
        port = free_port(),
    );
    Properties::parse(text.as_bytes()).unwrap()
}

/// Starts a worker, or says why not.
pub(crate) async fn try_start(
    folder: &Path,
    more: &str,
) -> Result<RunningStandalone, StandaloneError> {
    let (config, _) = WorkerConfig::standalone(&settings(folder, more)).unwrap();
    RunningStandalone::start(config, test_plugins::registry()).await
}

impl Worker {
    /// Starts a worker in a new folder.
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "").await
    }

    /// Starts a worker in a folder, with more settings.
    pub(crate) async fn start_in(folder: TempDir, more: &str) -> Self {
        let running = try_start(folder.path(), more).await.unwrap();
        let url = format!("http://{}", running.addresses()[0]);
        Self { running: Some(running), folder, url, http: reqwest::Client::new() }
    }

    /// Ends the worker in order; the folder stays.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.running.take().unwrap().shutdown().await;
        self.folder
    }

    /// The worker's herder, which tells states also after the worker's end.
    pub(crate) fn herder(&self) -> StandaloneHerder {
        self.running.as_ref().unwrap().herder().clone()
    }

    /// A file in the worker's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends a request with a JSON body; status and body (null when there is none) come back.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Sends a request with any body and content type.
    pub(crate) async fn send_raw(
        &self,
        method: &str,
        path: &str,
        body: (&str, &str),
    ) -> (u16, Value) {
        let (media, text) = body;
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = request.header("content-type", media).body(text.to_owned());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Gets a resource that is there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Creates a connector.
    pub(crate) async fn create(&self, name: &str, config: Value) {
        let body = json!({"name": name, "config": config});
        let (status, answer) = self.send("POST", "/connectors", Some(body)).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Creates a file source of `input.txt` and a file sink to `output.txt` over topic `lines`.
    pub(crate) async fn create_file_pipeline(&self) {
        self.create("in", self.file_source("input.txt", "lines")).await;
        self.create("out", self.file_sink("output.txt", "lines")).await;
    }

    /// Settings of a file source.
    pub(crate) fn file_source(&self, file: &str, topic: &str) -> Value {
        json!({"connector.class": "FileStreamSource", "file": self.path(file), "topic": topic})
    }

    /// Settings of a file sink.
    pub(crate) fn file_sink(&self, file: &str, topic: &str) -> Value {
        json!({"connector.class": "FileStreamSink", "file": self.path(file), "topics": topic})
    }

    /// Waits until a file has this content.
    pub(crate) async fn wait_for_content(&self, file: &str, expected: &str) {
        let path = self.path(file);
        let mut found = String::new();
        let reached = wait(async || {
            found = std::fs::read_to_string(&path).unwrap_or_default();
            found == expected || found.len() > expected.len()
        });
        reached.await;
        assert_eq!(found, expected, "{file}");
    }

    /// Waits until a connector's task is in a state; returns its status.
    pub(crate) async fn wait_for_task(&self, connector: &str, state: &str) -> Value {
        let path = format!("/connectors/{connector}/tasks/0/status");
        let mut status = Value::Null;
        wait(async || {
            status = self.send("GET", &path, None).await.1;
            status["state"] == state
        })
        .await;
        assert_eq!(status["state"], state, "{status}");
        status
    }
}

/// Waits until a condition holds, or for the deadline; the caller asserts.
pub(crate) async fn wait(mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
