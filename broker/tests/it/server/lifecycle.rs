//! Start and stop: what survives, what is refused, how long it takes.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use broker::{Broker, StartError};
use protocol::messages::metadata::MetadataRequest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Client, PATIENCE, TestBroker, batch, settings};

#[tokio::test(flavor = "multi_thread")]
async fn topics_settings_records_and_the_cluster_id_survive_a_restart() {
    let broker = TestBroker::start().await;
    let cluster_id = broker.running.cluster_id();
    let mut client = broker.connect().await;
    client.create_topic("t", 3, &[("max.message.bytes", "300")]).await;
    client.produce("t", batch(&["a"])).await;
    let broker = broker.restart(&[]).await;
    assert_eq!(broker.running.cluster_id(), cluster_id);
    let mut client = broker.connect().await;
    let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
    assert_eq!(client.call(&all, 9).await.topics[0].partitions.len(), 3);
    assert_eq!(client.values("t").await, ["a"]);
    assert_ne!(client.produce("t", batch(&[&"x".repeat(500)])).await.error_code, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_not_stopped_leaves_its_records() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", batch(&["a", "b"])).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(broker.directory.path(), copy.path());
    let other = TestBroker::start_in(copy, &[]).await.unwrap();
    assert_eq!(other.connect().await.values("t").await, ["a", "b"]);
    other.stop().await;
    broker.stop().await;
}

/// The program, with so few file descriptors that they run out.
struct Starved {
    child: Child,
    _directory: tempfile::TempDir,
    address: std::net::SocketAddr,
}

impl Starved {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!("listeners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs=./data\n");
        std::fs::write(directory.path().join("server.properties"), settings).unwrap();
        let child = Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$0\" server.properties"])
            .arg(env!("CARGO_BIN_EXE_broker"))
            .current_dir(directory.path())
            .spawn()
            .unwrap();
        Self { child, _directory: directory, address: ([127, 0, 0, 1], port).into() }
    }

    async fn answers(&self) -> bool {
        let Ok(stream) = TcpStream::connect(self.address).await else { return false };
        let mut client = Client::of(stream);
        let request = MetadataRequest::default();
        let id = client.send(&request, 9).await;
        let answer = client.receive::<MetadataRequest>(id, 9);
        timeout(Duration::from_millis(500), answer).await.is_ok()
    }

    async fn wait_for_answer(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.answers().await {
            assert!(Instant::now() < deadline, "no answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Starved {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_file_descriptors_accepts_again_when_there_are_some() {
    let broker = Starved::start();
    broker.wait_for_answer().await;
    let mut held = Vec::new();
    for _ in 0..80 {
        held.push(TcpStream::connect(broker.address).await.unwrap());
    }
    assert!(!broker.answers().await, "80 connections and more fit 64 descriptors");
    drop(held);
    broker.wait_for_answer().await;
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_names_the_listener_and_the_key() {
    let broker = TestBroker::start().await;
    let directory = tempfile::tempdir().unwrap();
    let listener = format!("MINE://localhost:{}", broker.address().port());
    let config = settings(
        directory.path(),
        &[("listeners", &listener), ("listener.security.protocol.map", "MINE:PLAINTEXT")],
    );
    let error = Broker::start(config).await.expect_err("the port is in use");
    assert!(matches!(error, StartError::Listen { .. }));
    let text = error.to_string();
    assert!(text.contains("MINE") && text.contains("listeners"), "{text}");
    assert!(std::fs::read_dir(directory.path()).unwrap().next().is_none(), "data was touched");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_in_use_names_the_process() {
    let broker = TestBroker::start().await;
    let config = settings(broker.directory.path(), &[]);
    let error = Broker::start(config).await.expect_err("the directory is in use");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn localhost_is_served_on_both_of_its_addresses() {
    let broker = TestBroker::start().await;
    for address in broker.running.listeners() {
        let mut client = Client::connect(address).await;
        let response = client.call(&MetadataRequest::default(), 9).await;
        assert_eq!(response.brokers[0].port, i32::from(address.port()));
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_little_data_is_fast() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    client.create_topic("t", 10, &[]).await;
    client.produce("t", batch(&["a"])).await;
    let mut directory = broker.stop().await;
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = Instant::now();
        let broker = TestBroker::start_in(directory, &[]).await.unwrap();
        times.push(started.elapsed());
        directory = broker.stop().await;
    }
    let fastest = times.iter().min().unwrap();
    assert!(*fastest < Duration::from_millis(150), "{times:?}");
}
