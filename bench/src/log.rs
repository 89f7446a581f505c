//! Produce and consume through librdkafka, against our broker and, if asked for, Apache Kafka.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use client::{
    Batch, ClientSettings, Consumer, Delivery, OutRecord, Polled, Producer, Role, SendError, Start,
    TopicPartition,
};

use crate::kafka;
use crate::program::{Program, write_broker};
use crate::table::Table;

/// One measurement.
struct Case {
    size: usize,
    acks: &'static str,
    batch: &'static str,
}

const CASES: [Case; 4] = [
    Case { size: 100, acks: "1", batch: "1000000" },
    Case { size: 100, acks: "all", batch: "1000000" },
    Case { size: 1000, acks: "1", batch: "1000000" },
    Case { size: 1000, acks: "all", batch: "1000000" },
];

/// Runs every case on every broker.
pub(crate) fn run(megabytes: u64, peer: Option<&Path>) -> Result<Table> {
    let mut table = Table::new(
        "Log: one partition, batches of 1 MB, librdkafka on the same machine",
        &["broker", "bytes", "acks", "produce MB/s", "records/s", "broker CPU s/GB", "consume MB/s"],
    );
    for policy in ["ack", "os"] {
        let directory = tempfile::tempdir_in(".")?;
        let port = write_broker(directory.path(), &format!("flush.policy={policy}\n"))?;
        let mut broker = Program::start("broker", &["server.properties"], directory.path())?;
        broker.wait_for_port(port)?;
        cases(&mut table, &format!("ours, flush.policy={policy}"), &broker, port, megabytes)?;
        broker.stop()?;
    }
    if let Some(jars) = peer {
        let directory = tempfile::tempdir_in(".")?;
        let (mut broker, port) = kafka::start(jars, directory.path())?;
        broker.wait_for_port(port)?;
        // A JVM's first runs are slower: one is dropped.
        measure(&broker, port, &CASES[0], megabytes / 4 + 1, "warm-up")?;
        cases(&mut table, "Apache Kafka", &broker, port, megabytes)?;
    }
    Ok(table)
}

fn cases(table: &mut Table, name: &str, broker: &Program, port: u16, megabytes: u64) -> Result<()> {
    for (index, case) in CASES.iter().enumerate() {
        let topic = format!("bench-{index}");
        let (produce, records, cpu, consume) = measure(broker, port, case, megabytes, &topic)?;
        table.row(&[
            name.to_owned(),
            case.size.to_string(),
            case.acks.to_owned(),
            format!("{produce:.0}"),
            format!("{records:.0}"),
            format!("{cpu:.2}"),
            format!("{consume:.0}"),
        ]);
    }
    Ok(())
}

fn settings(role: Role, port: u16, more: &[(&str, &str)]) -> Result<ClientSettings> {
    let mut names = BTreeMap::from([("bootstrap.servers".into(), format!("localhost:{port}"))]);
    names.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    ClientSettings::from_properties(role, &names).context("client settings")
}

/// Produces and reads back; returns MB/s, records/s, processor seconds per GB, MB/s read.
fn measure(
    broker: &Program,
    port: u16,
    case: &Case,
    megabytes: u64,
    topic: &str,
) -> Result<(f64, f64, f64, f64)> {
    let bytes = megabytes * 1_000_000;
    let count = bytes / u64::try_from(case.size)?;
    let before = broker.processor_time();
    let start = Instant::now();
    produce(port, case, count, topic)?;
    let time = start.elapsed().as_secs_f64();
    let cpu = (broker.processor_time() - before).as_secs_f64();
    let start = Instant::now();
    consume(port, count, topic)?;
    let read = start.elapsed().as_secs_f64();
    let mb = as_float(bytes) / 1e6;
    Ok((mb / time, as_float(count) / time, cpu / (mb / 1000.0), mb / read))
}

fn as_float(count: u64) -> f64 {
    u32::try_from(count / 1000).map_or(f64::MAX, |thousands| f64::from(thousands) * 1000.0)
}

fn produce(port: u16, case: &Case, count: u64, topic: &str) -> Result<()> {
    let failed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&failed);
    let on_delivery = move |delivery: Delivery| {
        if delivery.result.is_err() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let settings = settings(
        Role::Producer,
        port,
        &[
            ("acks", case.acks),
            ("batch.size", case.batch),
            ("linger.ms", "5"),
            ("buffer.memory", "67108864"),
        ],
    )?;
    let producer = Producer::new(&settings, Arc::new(on_delivery))?;
    let value = vec![b'x'; case.size];
    let record = OutRecord {
        topic,
        partition: Some(0),
        key: None,
        value: Some(&value),
        timestamp: None,
        headers: &[],
    };
    for number in 0..count {
        loop {
            match producer.send(&record, number) {
                Ok(()) => break,
                Err(SendError::QueueFull) => {
                    producer.wait_for_room(Duration::from_millis(100));
                }
                Err(error) => bail!("produce: {error}"),
            }
        }
    }
    producer.flush(Duration::from_secs(300)).context("flush")?;
    match failed.load(Ordering::Relaxed) {
        0 => Ok(()),
        failed => bail!("{failed} records were refused"),
    }
}

fn consume(port: u16, count: u64, topic: &str) -> Result<()> {
    let settings = settings(Role::Consumer, port, &[("fetch.min.bytes", "1")])?;
    let mut consumer = Consumer::new(&settings)?;
    consumer.assign(&[(TopicPartition::new(topic, 0), Start::Earliest)])?;
    let mut batch = Batch::new();
    let mut found = 0;
    let mut last = Instant::now();
    while found < count {
        match consumer.poll_batch(10_000, Duration::from_millis(500), &mut batch) {
            Ok(Polled::Records) => {
                found += u64::try_from(batch.len())?;
                last = Instant::now();
            }
            Ok(_) if last.elapsed() > Duration::from_secs(30) => {
                bail!("{found} of {count} records after 30 s of silence")
            }
            Ok(_) => {}
            Err(error) if error.is_retriable() => {}
            Err(error) => bail!("consume: {error}"),
        }
    }
    Ok(())
}
