//! The settings that a Java client knows, and what becomes of each.

use super::Role;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Has the same name and meaning in librdkafka.
    Same,
    /// A number that librdkafka takes within bounds: what is beyond becomes the bound.
    Bounded(&'static str, i64, i64),
    /// Translated by code of its own.
    Special,
    /// Kept for the caller.
    Ours,
    /// Has a meaning only inside a Java process.
    JavaOnly,
    /// librdkafka's own name, taken as it is.
    Native,
}

/// A setting, for whom it is, and what becomes of it.
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) roles: &'static [Role],
    pub(super) rule: Rule,
}

const ALL: &[Role] = &[Role::Producer, Role::Consumer, Role::Admin];
const PRODUCER: &[Role] = &[Role::Producer];
const CONSUMER: &[Role] = &[Role::Consumer];

const fn known(name: &'static str, roles: &'static [Role], rule: Rule) -> Known {
    Known { name, roles, rule }
}

const MAX: i64 = 2_147_483_647;

/// Every setting that is understood.
pub(super) static KEYS: &[Known] = &[
    // connections
    known("bootstrap.servers", ALL, Rule::Special),
    known("client.id", ALL, Rule::Same),
    known("client.dns.lookup", ALL, Rule::Special),
    known("client.rack", ALL, Rule::Same),
    known("connections.max.idle.ms", ALL, Rule::Bounded("connections.max.idle.ms", 0, MAX)),
    known("metadata.max.age.ms", ALL, Rule::Special),
    known("metadata.recovery.strategy", ALL, Rule::Same),
    known(
        "metadata.recovery.rebootstrap.trigger.ms",
        ALL,
        Rule::Bounded("metadata.recovery.rebootstrap.trigger.ms", 0, MAX),
    ),
    known(
        "receive.buffer.bytes",
        ALL,
        Rule::Bounded("socket.receive.buffer.bytes", 0, 100_000_000),
    ),
    known("send.buffer.bytes", ALL, Rule::Bounded("socket.send.buffer.bytes", 0, 100_000_000)),
    known("reconnect.backoff.ms", ALL, Rule::Bounded("reconnect.backoff.ms", 0, 3_600_000)),
    known("reconnect.backoff.max.ms", ALL, Rule::Bounded("reconnect.backoff.max.ms", 0, 3_600_000)),
    known("request.timeout.ms", ALL, Rule::Special),
    known("retry.backoff.ms", ALL, Rule::Bounded("retry.backoff.ms", 1, 300_000)),
    known("retry.backoff.max.ms", ALL, Rule::Bounded("retry.backoff.max.ms", 1, 300_000)),
    known(
        "socket.connection.setup.timeout.ms",
        ALL,
        Rule::Bounded("socket.connection.setup.timeout.ms", 1000, MAX),
    ),
    known("enable.metrics.push", ALL, Rule::Same),
    // producer
    known("acks", PRODUCER, Rule::Special),
    known("batch.size", PRODUCER, Rule::Bounded("batch.size", 1, MAX)),
    known("buffer.memory", PRODUCER, Rule::Special),
    known("compression.type", PRODUCER, Rule::Special),
    known("compression.gzip.level", PRODUCER, Rule::Special),
    known("compression.lz4.level", PRODUCER, Rule::Special),
    known("compression.zstd.level", PRODUCER, Rule::Special),
    known("delivery.timeout.ms", PRODUCER, Rule::Bounded("delivery.timeout.ms", 1, MAX)),
    known("enable.idempotence", PRODUCER, Rule::Special),
    known("linger.ms", PRODUCER, Rule::Bounded("linger.ms", 0, 900_000)),
    known("max.block.ms", PRODUCER, Rule::Ours),
    known(
        "max.in.flight.requests.per.connection",
        PRODUCER,
        Rule::Bounded("max.in.flight.requests.per.connection", 1, 1_000_000),
    ),
    known("max.request.size", PRODUCER, Rule::Bounded("message.max.bytes", 1000, 1_000_000_000)),
    known("partitioner.class", PRODUCER, Rule::Special),
    known("retries", PRODUCER, Rule::Bounded("retries", 0, MAX)),
    known("transactional.id", PRODUCER, Rule::Same),
    known("transaction.timeout.ms", PRODUCER, Rule::Bounded("transaction.timeout.ms", 1000, MAX)),
    // consumer
    known("allow.auto.create.topics", CONSUMER, Rule::Same),
    known(
        "auto.commit.interval.ms",
        CONSUMER,
        Rule::Bounded("auto.commit.interval.ms", 1, 86_400_000),
    ),
    known("auto.offset.reset", CONSUMER, Rule::Special),
    known("check.crcs", CONSUMER, Rule::Same),
    known("enable.auto.commit", CONSUMER, Rule::Special),
    known("fetch.max.bytes", CONSUMER, Rule::Special),
    known("fetch.max.wait.ms", CONSUMER, Rule::Bounded("fetch.wait.max.ms", 0, 300_000)),
    known("fetch.min.bytes", CONSUMER, Rule::Bounded("fetch.min.bytes", 1, 100_000_000)),
    known("group.id", CONSUMER, Rule::Special),
    known("group.instance.id", CONSUMER, Rule::Same),
    known("group.protocol", CONSUMER, Rule::Special),
    known("group.remote.assignor", CONSUMER, Rule::Same),
    known("heartbeat.interval.ms", CONSUMER, Rule::Bounded("heartbeat.interval.ms", 1, 3_600_000)),
    known("isolation.level", CONSUMER, Rule::Same),
    known(
        "max.partition.fetch.bytes",
        CONSUMER,
        Rule::Bounded("max.partition.fetch.bytes", 1, 1_000_000_000),
    ),
    known("max.poll.interval.ms", CONSUMER, Rule::Bounded("max.poll.interval.ms", 1, 86_400_000)),
    known("max.poll.records", CONSUMER, Rule::Ours),
    known("partition.assignment.strategy", CONSUMER, Rule::Special),
    known("session.timeout.ms", CONSUMER, Rule::Bounded("session.timeout.ms", 1, 3_600_000)),
    // security
    known("security.protocol", ALL, Rule::Special),
    known("sasl.mechanism", ALL, Rule::Special),
    known("sasl.jaas.config", ALL, Rule::Special),
    known("ssl.endpoint.identification.algorithm", ALL, Rule::Special),
    known("ssl.truststore.type", ALL, Rule::Special),
    known("ssl.truststore.location", ALL, Rule::Special),
    known("ssl.truststore.password", ALL, Rule::Special),
    known("ssl.truststore.certificates", ALL, Rule::Special),
    known("ssl.keystore.type", ALL, Rule::Special),
    known("ssl.keystore.location", ALL, Rule::Special),
    known("ssl.keystore.password", ALL, Rule::Special),
    known("ssl.keystore.key", ALL, Rule::Special),
    known("ssl.keystore.certificate.chain", ALL, Rule::Special),
    known("ssl.key.password", ALL, Rule::Same),
    // only inside a Java process
    known("key.serializer", PRODUCER, Rule::JavaOnly),
    known("value.serializer", PRODUCER, Rule::JavaOnly),
    known("key.deserializer", CONSUMER, Rule::JavaOnly),
    known("value.deserializer", CONSUMER, Rule::JavaOnly),
    known("interceptor.classes", ALL, Rule::JavaOnly),
    known("metric.reporters", ALL, Rule::JavaOnly),
    known("metrics.num.samples", ALL, Rule::JavaOnly),
    known("metrics.recording.level", ALL, Rule::JavaOnly),
    known("metrics.sample.window.ms", ALL, Rule::JavaOnly),
    known("auto.include.jmx.reporter", ALL, Rule::JavaOnly),
    known("default.api.timeout.ms", ALL, Rule::JavaOnly),
    known("metadata.max.idle.ms", PRODUCER, Rule::JavaOnly),
    known("partitioner.adaptive.partitioning.enable", PRODUCER, Rule::JavaOnly),
    known("partitioner.availability.timeout.ms", PRODUCER, Rule::JavaOnly),
    known("partitioner.ignore.keys", PRODUCER, Rule::JavaOnly),
    known("exclude.internal.topics", CONSUMER, Rule::JavaOnly),
    known("security.providers", ALL, Rule::JavaOnly),
    known("socket.connection.setup.timeout.max.ms", ALL, Rule::JavaOnly),
    known("sasl.client.callback.handler.class", ALL, Rule::JavaOnly),
    known("sasl.login.callback.handler.class", ALL, Rule::JavaOnly),
    known("sasl.login.class", ALL, Rule::JavaOnly),
    known("ssl.cipher.suites", ALL, Rule::JavaOnly),
    known("ssl.enabled.protocols", ALL, Rule::JavaOnly),
    known("ssl.engine.factory.class", ALL, Rule::JavaOnly),
    known("ssl.keymanager.algorithm", ALL, Rule::JavaOnly),
    known("ssl.protocol", ALL, Rule::JavaOnly),
    known("ssl.provider", ALL, Rule::JavaOnly),
    known("ssl.secure.random.implementation", ALL, Rule::JavaOnly),
    known("ssl.trustmanager.algorithm", ALL, Rule::JavaOnly),
    // librdkafka's own
    known("batch.num.messages", PRODUCER, Rule::Native),
    known("broker.address.family", ALL, Rule::Native),
    known("compression.level", PRODUCER, Rule::Native),
    known("debug", ALL, Rule::Native),
    known("enable.ssl.certificate.verification", ALL, Rule::Native),
    known("fetch.error.backoff.ms", CONSUMER, Rule::Native),
    known("fetch.queue.backoff.ms", CONSUMER, Rule::Native),
    known("fetch.wait.max.ms", CONSUMER, Rule::Native),
    known("log.connection.close", ALL, Rule::Native),
    known("partitioner", PRODUCER, Rule::Native),
    known("queue.buffering.max.kbytes", PRODUCER, Rule::Native),
    known("queue.buffering.max.messages", PRODUCER, Rule::Native),
    known("queued.max.messages.kbytes", CONSUMER, Rule::Native),
    known("queued.min.messages", CONSUMER, Rule::Native),
    known("sasl.password", ALL, Rule::Native),
    known("sasl.username", ALL, Rule::Native),
    known("socket.keepalive.enable", ALL, Rule::Native),
    known("socket.timeout.ms", ALL, Rule::Native),
    known("ssl.ca.location", ALL, Rule::Native),
    known("ssl.ca.pem", ALL, Rule::Native),
    known("ssl.certificate.location", ALL, Rule::Native),
    known("ssl.certificate.pem", ALL, Rule::Native),
    known("ssl.crl.location", ALL, Rule::Native),
    known("ssl.key.location", ALL, Rule::Native),
    known("ssl.key.pem", ALL, Rule::Native),
    known("sticky.partitioning.linger.ms", PRODUCER, Rule::Native),
    known("topic.metadata.propagation.max.ms", PRODUCER, Rule::Native),
    known("topic.metadata.refresh.fast.interval.ms", ALL, Rule::Native),
];

/// Finds a setting by its name.
pub(super) fn find(name: &str) -> Option<&'static Known> {
    KEYS.iter().find(|known| known.name == name)
}

/// What a client of a role starts with, before its own settings: the Java client's defaults
/// where they differ from librdkafka's, less memory, and shorter waits on a local broker.
pub(super) fn defaults(role: Role) -> &'static [(&'static str, &'static str)] {
    match role {
        Role::Producer => &[
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.kbytes", "32768"),
            ("delivery.timeout.ms", "120000"),
            ("message.max.bytes", "1048576"),
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "1000"),
            ("enable.metrics.push", "false"),
            ("log.connection.close", "false"),
        ],
        Role::Consumer => &[
            ("isolation.level", "read_uncommitted"),
            ("allow.auto.create.topics", "true"),
            ("check.crcs", "true"),
            ("partition.assignment.strategy", "range"),
            ("auto.offset.reset", "latest"),
            ("enable.auto.offset.store", "true"),
            ("queued.max.messages.kbytes", "16384"),
            ("queued.min.messages", "50000"),
            ("fetch.max.bytes", "8388608"),
            ("fetch.queue.backoff.ms", "5"),
            ("fetch.error.backoff.ms", "50"),
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "1000"),
            ("enable.metrics.push", "false"),
            ("log.connection.close", "false"),
        ],
        Role::Admin => &[
            ("reconnect.backoff.ms", "10"),
            ("reconnect.backoff.max.ms", "1000"),
            ("enable.metrics.push", "false"),
            ("log.connection.close", "false"),
        ],
    }
}
