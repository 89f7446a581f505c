"""Produces Avro records with confluent-kafka: by schema id, by GUID header, by a later version.

Usage: avro_records.py BOOTSTRAP REGISTRY_URL TOPIC
"""

import json
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

FIRST = {"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"},
    {"name": "price", "type": "double"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["NEW", "OLD"]}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "counts", "type": {"type": "map", "values": "int"}},
    {"name": "note", "type": ["null", "string"], "default": None}]}
PAID = {"name": "paid", "type": "boolean", "default": False}
SECOND = FIRST | {"fields": FIRST["fields"] + [PAID]}

bootstrap, registry, topic = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
producer = Producer({"bootstrap.servers": bootstrap})


def send(serializer, order):
    headers = []
    context = SerializationContext(topic, MessageField.VALUE, headers)
    value = serializer(order, context)
    producer.produce(topic, value, partition=0, headers=context.headers)


order = {"id": 1, "price": 1.5, "kind": "OLD", "tags": ["a", "b"], "counts": {"x": 1}, "note": None}
by_header = {"schema.id.serializer": header_schema_id_serializer}
by_id = AvroSerializer(client, json.dumps(FIRST))
by_guid = AvroSerializer(client, json.dumps(FIRST), conf=by_header)
later = AvroSerializer(client, json.dumps(SECOND))
send(by_id, order)
send(by_guid, order | {"id": 2, "note": "ü"})
send(later, order | {"id": 3, "tags": [], "counts": {}, "paid": True})
assert producer.flush(30) == 0
print("sent")
