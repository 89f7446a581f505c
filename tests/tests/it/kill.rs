//! kill -9 in a loop while an idempotent producer writes: every acknowledged record is read back
//! at its offset, and none twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Admin, ClientSettings, Delivery, NewTopic, OutRecord, Producer, Role, SendError};
use end_to_end::clients::kcat;
use end_to_end::process::Process;
use end_to_end::seed::{full, seed};
use end_to_end::stack::Stack;
use end_to_end::wait::{wait_for, wait_until};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const TOPIC: &str = "killed";
const PARTITIONS: i32 = 3;
/// Cycles of a run; `WATERSHED_FULL=1` runs them all, CI a slice.
const ALL_CYCLES: u32 = 200;
const CYCLES: u32 = 12;

fn settings(role: Role, stack: &Stack) -> ClientSettings {
    let mut names = BTreeMap::from([("bootstrap.servers".to_owned(), stack.bootstrap())]);
    if role == Role::Producer {
        for (key, value) in [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("linger.ms", "1"),
            ("delivery.timeout.ms", "600000"),
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "100"),
        ] {
            names.insert(key.to_owned(), value.to_owned());
        }
    }
    ClientSettings::from_properties(role, &names).unwrap()
}

fn start_broker(stack: &Stack) -> Process {
    let mut broker = stack.start("broker", &["config/server.properties"]);
    wait_until("the broker's port", || {
        assert!(broker.is_running(), "{}", broker.output());
        std::net::TcpStream::connect(("127.0.0.1", stack.broker)).is_ok()
    });
    broker
}

fn create_topic(stack: &Stack) {
    let admin = Admin::new(&settings(Role::Admin, stack)).unwrap();
    let topic = NewTopic {
        name: TOPIC.into(),
        partitions: PARTITIONS,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    let created = admin.create_topics(&[topic], Duration::from_secs(30)).unwrap();
    assert!(created[TOPIC].is_ok(), "{created:?}");
}

/// What the producer was told: number of a record → its partition and offset.
type Acknowledged = Arc<Mutex<BTreeMap<u64, (i32, i64)>>>;

/// Sends numbered records until told to stop; returns how many were taken.
fn produce(stack: &Stack, acknowledged: &Acknowledged, stop: &AtomicBool) -> u64 {
    let log = Arc::clone(acknowledged);
    let refused = Arc::new(Mutex::new(Vec::new()));
    let refusals = Arc::clone(&refused);
    let on_delivery = move |delivery: Delivery| match delivery.result {
        Ok(place) => {
            log.lock().unwrap().insert(delivery.token, place);
        }
        Err(error) => refusals.lock().unwrap().push((delivery.token, error.to_string())),
    };
    let producer = Producer::new(&settings(Role::Producer, stack), Arc::new(on_delivery)).unwrap();
    let next = AtomicU64::new(0);
    while !stop.load(Ordering::Relaxed) {
        if producer.in_flight() > 2000 {
            producer.wait_for_room(Duration::from_millis(50));
            continue;
        }
        let number = next.load(Ordering::Relaxed);
        let value = format!("{number} {}", "x".repeat(usize::try_from(number % 400).unwrap()));
        let record = OutRecord {
            topic: TOPIC,
            partition: Some(i32::try_from(number % 3).unwrap()),
            key: None,
            value: Some(value.as_bytes()),
            timestamp: None,
            headers: &[],
        };
        match producer.send(&record, number) {
            Ok(()) => next.store(number + 1, Ordering::Relaxed),
            Err(SendError::QueueFull) => {
                producer.wait_for_room(Duration::from_millis(50));
            }
            Err(error) => panic!("{error}"),
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    let refused = refused.lock().unwrap();
    assert!(refused.is_empty(), "refused: {:?}", &refused[..refused.len().min(5)]);
    next.into_inner()
}

#[test]
fn acknowledged_records_survive_kill_9_and_none_is_doubled() {
    let mut random = StdRng::seed_from_u64(seed());
    let cycles = if full() { ALL_CYCLES } else { CYCLES };
    let stack = Stack::new();
    let mut broker = start_broker(&stack);
    create_topic(&stack);

    let acknowledged = Acknowledged::default();
    let stop = AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let producing = scope.spawn(|| produce(&stack, &acknowledged, &stop));
        for cycle in 0..cycles {
            let before = acknowledged.lock().unwrap().len();
            let more = random.random_range(1..3000);
            wait_for(&format!("acknowledgements in cycle {cycle}"), || {
                assert!(!producing.is_finished(), "the producer ended");
                (acknowledged.lock().unwrap().len() >= before + more).then_some(())
            });
            broker.kill();
            broker = start_broker(&stack);
        }
        stop.store(true, Ordering::Relaxed);
        producing.join().unwrap()
    });

    let shown = kcat(
        &stack.bootstrap(),
        &["-t", TOPIC, "-C", "-e", "-q", "-o", "beginning", "-f", "%p %o %s\n"],
        None,
    );
    let mut found: BTreeMap<u64, (i32, i64)> = BTreeMap::new();
    for line in shown.lines() {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        let place = (word().parse().unwrap(), word().parse().unwrap());
        let number = word().parse().unwrap();
        let earlier = found.insert(number, place);
        assert_eq!(earlier, None, "record {number} is there twice");
    }
    let acknowledged = acknowledged.lock().unwrap();
    println!("{cycles} kills, {} records acknowledged, {} read", acknowledged.len(), found.len());
    for (number, place) in acknowledged.iter() {
        assert_eq!(found.get(number), Some(place), "acknowledged record {number}");
    }
    assert_eq!(u64::try_from(found.len()).unwrap(), sent, "records sent and read");
    for partition in 0..PARTITIONS {
        let mut places: Vec<_> =
            found.values().filter(|(p, _)| *p == partition).map(|(_, offset)| *offset).collect();
        let in_order = places.clone();
        places.sort_unstable();
        assert_eq!(in_order, places, "partition {partition} is out of order");
    }
    assert!(broker.stop().success(), "{}", broker.output());
}
