//! A broker and a registry on free ports, and an HTTP client that sends exactly what it is given.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use broker::{Broker, BrokerConfig, RunningBroker};
use client::{ClientSettings, OutRecord, Producer, Role};
use schema_registry::{RegistryConfig, RunningRegistry, SchemaRegistry};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest time that anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Media type of the registry's answers.
pub(crate) const V1: &str = "application/vnd.schemaregistry.v1+json";

/// A broker with its data, and a registry on it.
pub(crate) struct Cluster {
    pub(crate) registry: RunningRegistry,
    pub(crate) broker: RunningBroker,
    directory: TempDir,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) media_type: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of an error, after checking that it is told as errors are.
    #[track_caller]
    pub(crate) fn code(&self) -> i64 {
        let body = self.json();
        assert_eq!(self.media_type, V1, "{self:?}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{self:?}");
        assert!(!body["message"].as_str().unwrap().is_empty(), "{self:?}");
        let code = body["error_code"].as_i64().unwrap();
        let status = if code >= 10_000 { code / 100 } else { code };
        assert_eq!(i64::from(self.status), status, "{self:?}");
        code
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }
}

pub(crate) async fn start_broker(directory: &Path, port: u16) -> RunningBroker {
    let settings = BTreeMap::from([
        ("log.dirs".to_owned(), directory.display().to_string()),
        ("listeners".to_owned(), format!("PLAINTEXT://127.0.0.1:{port}")),
    ]);
    Broker::start(BrokerConfig::from_map(settings).unwrap()).await.unwrap()
}

pub(crate) fn config(broker: SocketAddr, extra: &[(&str, &str)]) -> RegistryConfig {
    let mut settings = BTreeMap::from([
        ("listeners".to_owned(), "http://127.0.0.1:0".to_owned()),
        ("kafkastore.bootstrap.servers".to_owned(), format!("PLAINTEXT://{broker}")),
        ("kafkastore.topic.replication.factor".to_owned(), "1".to_owned()),
        ("kafkastore.timeout.ms".to_owned(), "20000".to_owned()),
    ]);
    settings.extend(extra.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    RegistryConfig::from_map(&settings).unwrap()
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(extra: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let broker = start_broker(directory.path(), 0).await;
        let registry = SchemaRegistry::start(config(broker.listeners()[0], extra)).await.unwrap();
        Self { registry, broker, directory }
    }

    pub(crate) fn kafka(&self) -> SocketAddr {
        self.broker.listeners()[0]
    }

    /// Ends both and starts both on the same data.
    pub(crate) async fn restart(self) -> Self {
        let Self { registry, broker, directory } = self;
        registry.shutdown().await;
        broker.shutdown().await.unwrap();
        let broker = start_broker(directory.path(), 0).await;
        let registry = SchemaRegistry::start(config(broker.listeners()[0], &[])).await.unwrap();
        Self { registry, broker, directory }
    }

    pub(crate) async fn stop(self) {
        self.registry.shutdown().await;
        self.broker.shutdown().await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| body.to_string().into_bytes());
        self.send_raw(method, path, &[("Content-Type", V1)], body.as_deref()).await
    }

    pub(crate) async fn send_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut request = head.into_bytes();
        request.extend_from_slice(body.unwrap_or_default());
        exchange(self.registry.addresses()[0], &request).await
    }

    /// Registers an Avro schema and returns its id.
    #[track_caller]
    pub(crate) fn register(&self, subject: &str, text: &str) -> impl Future<Output = i64> {
        let path = format!("/subjects/{subject}/versions");
        let body = json!({"schema": text});
        async move { self.post(&path, &body).await.ok()["id"].as_i64().unwrap() }
    }

    /// Appends records to the schemas topic, as another program would.
    pub(crate) async fn append(&self, records: Vec<(Option<String>, Option<String>)>) {
        let servers = self.kafka().to_string();
        tokio::task::spawn_blocking(move || append(&servers, &records)).await.unwrap();
    }
}

fn append(servers: &str, records: &[(Option<String>, Option<String>)]) {
    let settings = BTreeMap::from([("bootstrap.servers".to_owned(), servers.to_owned())]);
    let settings = ClientSettings::from_properties(Role::Producer, &settings).unwrap();
    let report = |delivery: client::Delivery| {
        delivery.result.unwrap();
    };
    let producer = Producer::new(&settings, std::sync::Arc::new(report)).unwrap();
    for (key, value) in records {
        let record = OutRecord {
            topic: "_schemas",
            partition: Some(0),
            key: key.as_deref().map(str::as_bytes),
            value: value.as_deref().map(str::as_bytes),
            timestamp: None,
            headers: &[],
        };
        producer.send(&record, 0).unwrap();
    }
    producer.flush(PATIENCE).unwrap();
}

/// Sends bytes and reads what comes back until the connection ends.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (mut read, mut write) = stream.split();
        let sending = async {
            // The registry may refuse a request before it has read all of it.
            let _ = write.write_all(request).await;
            std::future::pending::<()>().await;
        };
        let mut answer = Vec::new();
        let reading = async {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = read.read(&mut chunk).await {
                answer.extend_from_slice(&chunk[..count]);
            }
        };
        tokio::select! {
            () = sending => {}
            () = reading => {}
        }
        answer
    };
    parse(&tokio::time::timeout(PATIENCE, exchange).await.expect("no answer in time"))
}

fn parse(answer: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let media_type = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-type").then(|| value.to_owned())
    });
    Answer { status, media_type: media_type.unwrap_or_default(), text: body.to_owned() }
}

/// A record with fields of type int; those whose names end in `?` have a default.
pub(crate) fn record(name: &str, fields: &[&str]) -> String {
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| match field.strip_suffix('?') {
            Some(field) => json!({"name": field, "type": "int", "default": 0}),
            None => json!({"name": field, "type": "int"}),
        })
        .collect();
    json!({"type": "record", "name": name, "fields": fields}).to_string()
}
