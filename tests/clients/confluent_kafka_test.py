"""confluent-kafka (librdkafka) against the broker and the registry.

Usage: confluent_kafka_test.py BOOTSTRAP REGISTRY_URL [CHECK ...]
Ends with status 0 and "ok" when everything holds; an assertion says what does not.
"""

import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

BOOTSTRAP, REGISTRY = sys.argv[1], sys.argv[2]
RUN = uuid.uuid4().hex[:8]


def consume(topic, group, count, **settings):
    """Reads `count` messages in a group and commits them; returns (key, value, offset)."""
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **settings,
    })
    consumer.subscribe([topic])
    found, deadline = [], time.time() + 60
    try:
        while len(found) < count and time.time() < deadline:
            message = consumer.poll(1.0)
            if message is None:
                continue
            assert message.error() is None, message.error()
            found.append((message.key(), message.value(), message.offset(), message.headers()))
        if found:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    return found


def produce(topic, messages, **settings):
    producer = Producer({"bootstrap.servers": BOOTSTRAP, **settings})
    failed = []
    for key, value, headers in messages:
        producer.produce(
            topic, value, key=key, headers=headers,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(60) == 0, "messages left in the producer's queue"
    assert not failed, failed


def topics():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    topic = f"admin-{RUN}"
    created = admin.create_topics(
        [NewTopic(topic, num_partitions=3, replication_factor=1,
                  config={"retention.ms": "3600000"})])
    created[topic].result(30)
    listed = admin.list_topics(timeout=30).topics
    assert len(listed[topic].partitions) == 3, listed[topic].partitions
    again = admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    try:
        again[topic].result(30)
        raise AssertionError("a topic was created twice")
    except KafkaException as error:
        assert error.args[0].name() == "TOPIC_ALREADY_EXISTS", error
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    settings = admin.describe_configs([resource])[resource].result(30)
    assert settings["retention.ms"].value == "3600000", settings["retention.ms"]
    assert settings["cleanup.policy"].value == "delete", settings["cleanup.policy"]
    admin.delete_topics([topic])[topic].result(30)
    assert topic not in admin.list_topics(timeout=30).topics


def groups():
    topic, group = f"group-{RUN}", f"g-{RUN}"
    first = [(b"k%d" % i, b"v%d" % i, [("h", b"1"), ("h", b"2")]) for i in range(100)]
    produce(topic, first)
    found = consume(topic, group, 100)
    assert [value for _, value, _, _ in found] == [value for _, value, _ in first], len(found)
    assert found[0][3] == [("h", b"1"), ("h", b"2")], found[0][3]
    produce(topic, [(None, b"later", None)])
    resumed = consume(topic, group, 1)
    assert [(value, offset) for _, value, offset, _ in resumed] == [(b"later", 100)], resumed
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    names = [listed.group_id for listed in admin.list_consumer_groups().result(30).valid]
    assert group in names, names
    described = admin.describe_consumer_groups([group])[group].result(30)
    assert described.state.name == "EMPTY", described.state
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": group})
    committed = consumer.committed([TopicPartition(topic, 0)], timeout=30)
    assert committed[0].offset == 101, committed
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30) == (0, 101)
    consumer.close()
    admin.delete_consumer_groups([group])[group].result(30)


def two_members():
    topic, group = f"two-{RUN}", f"two-{RUN}"
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(topic, num_partitions=4, replication_factor=1)])[topic].result(30)
    for strategy in ("range", "cooperative-sticky"):
        settings = {
            "bootstrap.servers": BOOTSTRAP, "group.id": f"{group}-{strategy}",
            "partition.assignment.strategy": strategy, "auto.offset.reset": "earliest",
        }
        members = [Consumer(settings), Consumer(settings)]
        for member in members:
            member.subscribe([topic])
        deadline = time.time() + 60
        while time.time() < deadline:
            for member in members:
                member.poll(0.1)
            counts = [len(member.assignment()) for member in members]
            if counts == [2, 2]:
                break
        assert counts == [2, 2], (strategy, counts)
        for member in members:
            member.close()


def codecs():
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        topic = f"{codec}-{RUN}"
        messages = [(None, b"x" * 1000 + b"%d" % i, None) for i in range(200)]
        produce(topic, messages, **{"compression.type": codec, "enable.idempotence": True})
        found = consume(topic, f"{codec}-{RUN}", 200)
        assert [value for _, value, _, _ in found] == [value for _, value, _ in messages], codec


def registry():
    client = SchemaRegistryClient({"url": REGISTRY})
    subject = f"users-{RUN}-value"
    text = '{"type":"record","name":"User","fields":[{"name":"name","type":"string"}]}'
    wider = ('{"type":"record","name":"User","fields":[{"name":"name","type":"string"},'
             '{"name":"age","type":["null","int"],"default":null}]}')
    clash = ('{"type":"record","name":"User","fields":[{"name":"name","type":"string"},'
             '{"name":"age","type":"int"}]}')
    first = client.register_schema(subject, Schema(text, "AVRO"))
    assert client.register_schema(subject, Schema(text, "AVRO")) == first
    assert client.lookup_schema(subject, Schema(text, "AVRO")).version == 1
    assert client.get_schema(first).schema_str == text, client.get_schema(first).schema_str
    assert client.test_compatibility(subject, Schema(wider, "AVRO"))
    assert not client.test_compatibility(subject, Schema(clash, "AVRO"))
    try:
        client.register_schema(subject, Schema(clash, "AVRO"))
        raise AssertionError("an incompatible schema was registered")
    except SchemaRegistryError as error:
        assert error.http_status_code == 409, error
        assert error.error_code == 409, error
    assert client.register_schema(subject, Schema(wider, "AVRO")) != first
    assert client.get_versions(subject) == [1, 2]
    assert subject in client.get_subjects()
    client.set_compatibility(subject, "NONE")
    assert client.get_compatibility(subject) == "NONE"
    client.register_schema(subject, Schema(clash, "AVRO"))
    assert client.get_latest_version(subject).version == 3
    assert client.delete_subject(subject) == [1, 2, 3]
    assert subject not in client.get_subjects()
    client.delete_subject(subject, permanent=True)


def avro():
    topic = f"avro-{RUN}"
    client = SchemaRegistryClient({"url": REGISTRY})
    text = ('{"type":"record","name":"Row","namespace":"a.b","fields":['
            '{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}')
    serializer = AvroSerializer(client, text)
    deserializer = AvroDeserializer(client)
    context = SerializationContext(topic, MessageField.VALUE)
    rows = [{"id": i, "note": None if i % 2 else f"n{i}"} for i in range(50)]
    produce(topic, [(None, serializer(row, context), None) for row in rows])
    found = consume(topic, f"avro-{RUN}", 50)
    assert [deserializer(value, context) for _, value, _, _ in found] == rows
    assert f"{topic}-value" in client.get_subjects()


CHECKS = (topics, groups, two_members, codecs, registry, avro)
for check in CHECKS if len(sys.argv) < 4 else [globals()[name] for name in sys.argv[3:]]:
    check()
    print(check.__name__, "ok", flush=True)
print("ok")
