//! Clients that mean harm: what they send costs them their connection, and nobody else anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use protocol::header::request_frame;
use protocol::messages::fetch::FetchRequest;
use protocol::messages::metadata::MetadataRequest;
use protocol::messages::produce::ProduceRequest;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Client, PATIENCE, TestBroker, batch, fetch_request, produce_request};

/// Frames of the flood.
const FRAMES: usize = 100_000;

/// What the process may grow by while it lasts: the budget of 16 MiB, buffers of the sockets'
/// tasks, and this test's own.
const MAX_GROWTH_BYTES: usize = 128 << 20;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Well-formed frames to be damaged.
fn seeds() -> Vec<Vec<u8>> {
    fn frame<R: protocol::Request>(request: &R, version: i16) -> Vec<u8> {
        request_frame(request, version, 1, Some("seed")).unwrap().into_bytes().unwrap().to_vec()
    }
    let mut seeds = vec![
        frame(&MetadataRequest::default(), 12),
        frame(&MetadataRequest { topics: None, ..MetadataRequest::default() }, 1),
        frame::<FetchRequest>(&fetch_request("t", 0, 0), 12),
        frame::<FetchRequest>(&fetch_request("t", 0, 0), 4),
        frame::<ProduceRequest>(&produce_request("t", 0, 1, batch(&["x"])), 9),
        frame::<ProduceRequest>(&produce_request("t", 0, 1, batch(&["x"])), 3),
    ];
    for (_, key, min, max) in broker::api_versions_table() {
        for version in [min, max] {
            let mut bytes = vec![0, 0, 0, 0];
            bytes.extend_from_slice(&key.to_be_bytes());
            bytes.extend_from_slice(&version.to_be_bytes());
            bytes.extend_from_slice(&[0, 0, 0, 1, 0, 1, b'x', 0]);
            bytes.resize(60, 0);
            seeds.push(bytes);
        }
    }
    seeds
}

/// One damaged frame: bytes flipped, cut off or added; its length true or false.
fn damaged(random: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut frame = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(8..frame.len());
        frame[at] = random.random();
    }
    if random.random_bool(0.2) {
        let keep = random.random_range(8..=frame.len());
        frame.truncate(keep);
    }
    if random.random_bool(0.1) {
        // A count or length that claims far more than there is.
        let at = random.random_range(8..frame.len().max(13) - 4);
        frame.resize(frame.len().max(at + 4), 0);
        frame[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    }
    let length = u32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    if random.random_bool(0.02) {
        let wrong: [u32; 5] = [0, 7, u32::MAX, 1 << 31, 200 << 20];
        frame[..4].copy_from_slice(&wrong[random.random_range(0..5)].to_be_bytes());
    }
    frame
}

/// Counts the panics of this process from now on: the broker catches those of its handlers.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, earlier) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::Relaxed);
        earlier(panic);
    }));
    count
}

/// Sends damaged frames; a connection that is closed for one is replaced.
async fn attack(address: SocketAddr, seed: u64, frames: usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let seeds = seeds();
    let mut sent = 0;
    while sent < frames {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let drain = tokio::spawn(async move {
            let mut sink = vec![0; 4096];
            while matches!(read.read(&mut sink).await, Ok(read) if read > 0) {}
        });
        let burst = random.random_range(1..20);
        for _ in 0..burst {
            sent += 1;
            if write.write_all(&damaged(&mut random, &seeds)).await.is_err() {
                break;
            }
        }
        // The broker closes when it has read all: what comes late is not waited for.
        write.shutdown().await.ok();
        timeout(Duration::from_millis(500), drain).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_damaged_frames_harms_nobody() {
    let panics = count_panics();
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let broker = TestBroker::start_with(&[("queued.max.request.bytes", "16777216")]).await;
    let mut client = broker.connect().await;
    client.create_topic("good", 1, &[]).await;
    client.produce("good", batch(&["warm"])).await;
    let before = resident_bytes();
    let attackers: Vec<_> = (0..8)
        .map(|index| tokio::spawn(attack(broker.address(), seed.wrapping_add(index), FRAMES / 8)))
        .collect();
    let mut served = 1;
    let mut slowest = Duration::ZERO;
    let mut peak = before;
    while !attackers.iter().all(tokio::task::JoinHandle::is_finished) {
        let started = Instant::now();
        assert_eq!(client.produce("good", batch(&["x"])).await.error_code, 0);
        slowest = slowest.max(started.elapsed());
        served += 1;
        peak = peak.max(resident_bytes());
    }
    for attacker in attackers {
        attacker.await.unwrap();
    }
    assert_eq!(panics.load(Ordering::Relaxed), 0, "a handler panicked");
    assert_eq!(client.values("good").await.len(), served);
    assert!(peak - before < MAX_GROWTH_BYTES, "grew by {} bytes", peak - before);
    assert!(slowest < Duration::from_secs(5), "an answer took {slowest:?}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_begin_and_stop_cost_no_memory_and_time_out() {
    let broker = TestBroker::start_with(&[
        ("connections.max.stall.ms", "300"),
        ("queued.max.request.bytes", "1048576"),
    ])
    .await;
    let mut good = broker.connect().await;
    good.create_topic("t", 1, &[]).await;
    let before = resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..500 {
        let mut client = broker.connect().await;
        // Claims 100 MB, sends 1 kB.
        client.stream.write_all(&(100_u32 << 20).to_be_bytes()).await.unwrap();
        client.stream.write_all(&[0; 1000]).await.unwrap();
        stalled.push(client);
    }
    assert_eq!(good.produce("t", batch(&["x"])).await.error_code, 0);
    assert!(resident_bytes() - before < MAX_GROWTH_BYTES);
    for client in &mut stalled {
        assert!(client.read_frame().await.is_none(), "a stalled connection is closed");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_frames_that_hold_the_budget_do_not_stop_whole_ones() {
    let broker = TestBroker::start_with(&[("queued.max.request.bytes", "1048576")]).await;
    let mut good = broker.connect().await;
    good.create_topic("t", 1, &[]).await;
    let mut holders = Vec::new();
    for _ in 0..4 {
        let mut client = broker.connect().await;
        client.stream.write_all(&(1_000_000_u32).to_be_bytes()).await.unwrap();
        client.stream.write_all(&vec![0; 400_000]).await.unwrap();
        holders.push(client);
    }
    let large = batch(&[&"x".repeat(300_000)]);
    let produced = timeout(PATIENCE, good.produce("t", large)).await;
    assert_eq!(produced.expect("served in time").error_code, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_no_answers_is_closed() {
    let broker = TestBroker::start_with(&[("connections.max.stall.ms", "300")]).await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[]).await;
    for _ in 0..20 {
        client.produce("t", batch(&[&"x".repeat(500_000)])).await;
    }
    let mut request = fetch_request("t", 0, 0);
    request.max_bytes = i32::MAX;
    request.topics[0].partitions[0].partition_max_bytes = i32::MAX;
    let mut deaf = broker.connect().await;
    let frame = request_frame(&request, 11, 1, None).unwrap().into_bytes().unwrap();
    let closed = async { while deaf.stream.write_all(&frame).await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("the connection is closed");
    assert_eq!(client.produce("t", batch(&["x"])).await.error_code, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_cap_are_closed_at_once() {
    let broker = TestBroker::start_with(&[("max.connections.per.ip", "3")]).await;
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..3 {
        let mut client = broker.connect().await;
        client.call(&MetadataRequest::default(), 9).await;
        clients.push(client);
    }
    assert!(broker.connect().await.read_frame().await.is_none());
    clients.pop();
    let again = async {
        loop {
            let mut client = broker.connect().await;
            client.stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]).await.ok();
            if client.read_frame().await.is_some() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.expect("a place is free again");
    broker.stop().await;
}
