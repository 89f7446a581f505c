"""Prints the Avro values of a topic, a line each, decoded by confluent-kafka.

Usage: avro_values.py BOOTSTRAP REGISTRY_URL TOPIC
"""

import sys
import time

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, registry, topic = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "avro-values"})
partition = TopicPartition(topic, 0, 0)
consumer.assign([partition])
_, end = consumer.get_watermark_offsets(partition, timeout=30)
deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry}))
context = SerializationContext(topic, MessageField.VALUE)
next_offset, deadline = 0, time.time() + 60
while next_offset < end:
    assert time.time() < deadline, f"at offset {next_offset} of {end}"
    message = consumer.poll(1.0)
    if message is None:
        continue
    assert message.error() is None, message.error()
    print(deserialize(message.value(), context))
    next_offset = message.offset() + 1
consumer.close()
