//! Produce and consume through librdkafka, against our broker and, if asked for, Apache Kafka.

use std::collections::BTreeMap;
use std::io::Read as _;
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
        &[
            "broker",
            "bytes",
            "acks",
            "first ack ms",
            "produce MB/s",
            "records/s",
            "broker CPU s/GB",
            "consume MB/s",
            "broker CPU s/GB",
        ],
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
        let found = measure(broker, port, case, megabytes, &topic)?;
        table.row(&[
            name.to_owned(),
            case.size.to_string(),
            case.acks.to_owned(),
            format!("{:.0}", found.first_ack.as_secs_f64() * 1000.0),
            format!("{:.0}", found.megabytes / found.produce.as_secs_f64()),
            format!("{:.0}", found.records / found.produce.as_secs_f64()),
            format!("{:.2}", found.produce_cpu.as_secs_f64() / (found.megabytes / 1000.0)),
            format!("{:.0}", found.megabytes / found.consume.as_secs_f64()),
            format!("{:.2}", found.consume_cpu.as_secs_f64() / (found.megabytes / 1000.0)),
        ]);
    }
    Ok(())
}

fn settings(role: Role, port: u16, more: &[(&str, &str)]) -> Result<ClientSettings> {
    let mut names = BTreeMap::from([("bootstrap.servers".into(), format!("localhost:{port}"))]);
    names.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    ClientSettings::from_properties(role, &names).context("client settings")
}

/// What one measurement found.
struct Found {
    megabytes: f64,
    records: f64,
    /// From the start of the producer to its first acknowledgement: with `acks=all` librdkafka
    /// first waits half a second for a producer id, whatever the broker.
    first_ack: Duration,
    /// From the first acknowledgement to the last.
    produce: Duration,
    produce_cpu: Duration,
    consume: Duration,
    consume_cpu: Duration,
}

/// Produces and reads back.
fn measure(broker: &Program, port: u16, case: &Case, megabytes: u64, topic: &str) -> Result<Found> {
    let bytes = megabytes * 1_000_000;
    let count = bytes / u64::try_from(case.size)?;
    touch_memory(bytes)?;
    let before = broker.processor_time();
    let (first_ack, produce) = produce(port, case, count, topic)?;
    let between = broker.processor_time();
    let start = Instant::now();
    consume(port, count, topic)?;
    let consume = start.elapsed();
    Ok(Found {
        megabytes: as_float(bytes) / 1e6,
        records: as_float(count),
        first_ack,
        produce,
        produce_cpu: between - before,
        consume,
        consume_cpu: broker.processor_time() - between,
    })
}

/// Fills as much page cache as the records will take and lets it go again. A virtual machine may
/// hand free memory back to its host, and the first touch of a page that comes back costs several
/// times what copying a record into it does, to whichever broker happens to be measured then.
fn touch_memory(bytes: u64) -> Result<()> {
    let mut file = tempfile::tempfile_in(".")?;
    std::io::copy(&mut std::io::repeat(b'x').take(bytes), &mut file)?;
    Ok(())
}

fn as_float(count: u64) -> f64 {
    u32::try_from(count / 1000).map_or(f64::MAX, |thousands| f64::from(thousands) * 1000.0)
}

/// Produces; returns the time to the first acknowledgement and from there to the last.
fn produce(port: u16, case: &Case, count: u64, topic: &str) -> Result<(Duration, Duration)> {
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
    let start = Instant::now();
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
    producer.send(&record, 0)?;
    producer.flush(Duration::from_secs(30)).context("first record")?;
    let first_ack = start.elapsed();
    for number in 1..count {
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
        0 => Ok((first_ack, start.elapsed().saturating_sub(first_ack))),
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
