//! Settings of the Kafka clients of a task: Connect's defaults, then the worker's `producer.*`,
//! `consumer.*` and `admin.*`, then the connector's `producer.override.*` and so on.

use std::collections::BTreeMap;

use client::{ClientSettings, Role, SettingsError};
use connect_api::connector::Settings;

use crate::config::WorkerConfig;
use crate::status::TaskId;

/// Bytes that a source task's producer queues at most; Java's `buffer.memory`.
const PRODUCER_MEMORY: &str = "33554432";
/// Records that a producer sends in one batch at most, in bytes.
const PRODUCER_BATCH: &str = "1048576";
/// Wait for more records to fill a batch.
const PRODUCER_LINGER_MS: &str = "5";

/// Order without idempotence; a request waits out a disk that stalls rather than be repeated.
const EMBEDDED_PACING: [(&str, &str); 3] = [
    ("enable.idempotence", "false"),
    ("max.in.flight.requests.per.connection", "1"),
    ("request.timeout.ms", "300000"),
];
/// Order with idempotence.
const REMOTE_PACING: [(&str, &str); 3] = [
    ("enable.idempotence", "true"),
    ("max.in.flight.requests.per.connection", "5"),
    ("request.timeout.ms", "30000"),
];

/// Requests in flight up to which an idempotent producer keeps order.
const MOST_IN_FLIGHT: i64 = 5;

/// The group forgets a member that was killed after this time. With the embedded broker nobody
/// else can take over meanwhile, so the worker's next run would wait for Kafka's 45 s.
const EMBEDDED_SESSION: [(&str, &str); 2] =
    [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "2000")];

/// Records that a sink gets in one put at most; Java's 500 costs more per record.
const CONSUMER_RECORDS: &str = "5000";

/// Settings of the producer of a source task.
///
/// Kafka Connect runs with `enable.idempotence=false` and one request in flight. That is kept with
/// the embedded broker, which is as fast that way and cannot lose a connection on its own. On any
/// other cluster an idempotent producer keeps order with five in flight and repeats nothing when
/// a connection breaks. All of it may be overridden.
///
/// # Errors
///
/// [`SettingsError`] names the setting.
pub fn source_producer(
    worker: &WorkerConfig,
    settings: &Settings,
    id: &TaskId,
) -> Result<ClientSettings, SettingsError> {
    let client_id = format!("connector-producer-{id}");
    let mut merged = producer_defaults(worker, client_id);
    merged.extend(worker.clients.producer.clone());
    merged.extend(overrides(settings, "producer.override."));
    weaken_consistently(&mut merged);
    build(Role::Producer, &merged, id)
}

/// Settings of the producer that writes a sink's dead letters.
///
/// # Errors
///
/// [`SettingsError`] names the setting.
pub fn dead_letter_producer(
    worker: &WorkerConfig,
    settings: &Settings,
    id: &TaskId,
) -> Result<ClientSettings, SettingsError> {
    let mut merged = producer_defaults(worker, format!("connector-dlq-producer-{id}"));
    merged.extend(worker.clients.producer.clone());
    merged.extend(overrides(settings, "producer.override."));
    weaken_consistently(&mut merged);
    build(Role::Producer, &merged, id)
}

/// Settings of the consumer of a sink task.
///
/// # Errors
///
/// [`SettingsError`] names the setting.
pub fn sink_consumer(
    worker: &WorkerConfig,
    settings: &Settings,
    id: &TaskId,
) -> Result<ClientSettings, SettingsError> {
    let mut merged = base(worker, format!("connector-consumer-{id}"));
    merged.insert("group.id".into(), format!("connect-{}", id.connector));
    merged.insert("auto.offset.reset".into(), "earliest".into());
    merged.insert("enable.auto.commit".into(), "false".into());
    merged.insert("max.poll.records".into(), CONSUMER_RECORDS.into());
    if worker.embedded.is_some() {
        let session = EMBEDDED_SESSION.map(|(key, value)| (key.to_owned(), value.to_owned()));
        merged.extend(session);
    }
    merged.extend(worker.clients.consumer.clone());
    merged.extend(overrides(settings, "consumer.override."));
    build(Role::Consumer, &merged, id)
}

/// Name of the consumer group of a sink, overridden or not.
#[must_use]
pub fn sink_group(worker: &WorkerConfig, settings: &Settings, connector: &str) -> String {
    let own = settings.get("consumer.override.group.id");
    let group = own.or_else(|| worker.clients.consumer.get("group.id"));
    group.cloned().unwrap_or_else(|| format!("connect-{connector}"))
}

/// Settings of an admin client; `settings` are a connector's, or none for the worker's own.
///
/// # Errors
///
/// [`SettingsError`] names the setting.
pub fn admin(
    worker: &WorkerConfig,
    settings: Option<&Settings>,
    client_id: &str,
) -> Result<ClientSettings, SettingsError> {
    let mut merged = base(worker, client_id.to_owned());
    merged.extend(worker.clients.admin.clone());
    if let Some(settings) = settings {
        merged.extend(overrides(settings, "admin.override."));
    }
    ClientSettings::from_properties(Role::Admin, &merged)
}

fn base(worker: &WorkerConfig, client_id: String) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("bootstrap.servers".to_owned(), worker.bootstrap_servers.join(",")),
        ("client.id".to_owned(), client_id),
    ])
}

fn producer_defaults(worker: &WorkerConfig, client_id: String) -> BTreeMap<String, String> {
    let mut settings = base(worker, client_id);
    let pacing = if worker.embedded.is_some() { EMBEDDED_PACING } else { REMOTE_PACING };
    for (key, value) in pacing {
        settings.insert(key.to_owned(), value.to_owned());
    }
    for (key, value) in [
        ("acks", "all"),
        ("delivery.timeout.ms", "2147483647"),
        ("buffer.memory", PRODUCER_MEMORY),
        ("batch.size", PRODUCER_BATCH),
        ("linger.ms", PRODUCER_LINGER_MS),
    ] {
        settings.insert(key.to_owned(), value.to_owned());
    }
    settings
}

/// Drops our idempotence when a user's own setting contradicts it, as `acks=1` does.
fn weaken_consistently(settings: &mut BTreeMap<String, String>) {
    let acks = settings.get("acks").map(|acks| acks.trim());
    let number = |key: &str| settings.get(key).and_then(|text| text.trim().parse::<i64>().ok());
    let in_flight = number("max.in.flight.requests.per.connection");
    if !matches!(acks, Some("all" | "-1"))
        || in_flight.is_some_and(|count| count > MOST_IN_FLIGHT)
        || number("retries") == Some(0)
    {
        settings.insert("enable.idempotence".to_owned(), "false".to_owned());
    }
}

fn overrides(settings: &Settings, prefix: &str) -> BTreeMap<String, String> {
    settings
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
        .collect()
}

fn build(
    role: Role,
    settings: &BTreeMap<String, String>,
    id: &TaskId,
) -> Result<ClientSettings, SettingsError> {
    let built = ClientSettings::from_properties(role, settings)?;
    for warning in built.warnings() {
        tracing::warn!(task = %id, "{warning}");
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, value: &str, idempotent: &str) {
        let mut settings: BTreeMap<String, String> =
            [("acks", "all")].into_iter().chain(REMOTE_PACING).map(owned).collect();
        settings.extend([owned((key, value))]);
        weaken_consistently(&mut settings);
        assert_eq!(settings["enable.idempotence"], idempotent, "{key}={value}");
        settings.insert("bootstrap.servers".to_owned(), "localhost:9092".to_owned());
        let built = ClientSettings::from_properties(Role::Producer, &settings).unwrap();
        client::Producer::new(&built, std::sync::Arc::new(|_| {})).unwrap();
    }

    fn owned((key, value): (&str, &str)) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn setting_that_idempotence_forbids_is_taken_without_idempotence() {
        check("acks", "-1", "true");
        check("acks", "1", "false");
        check("max.in.flight.requests.per.connection", "5", "true");
        check("max.in.flight.requests.per.connection", "6", "false");
        check("retries", "3", "true");
        check("retries", "0", "false");
    }
}
