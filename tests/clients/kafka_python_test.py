"""kafka-python against the broker.

Usage: kafka_python_test.py BOOTSTRAP
Ends with status 0 and "ok" when everything holds; an assertion says what does not.
"""

import sys
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

BOOTSTRAP = sys.argv[1]
RUN = uuid.uuid4().hex[:8]
TOPIC = f"kafka-python-{RUN}"

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
admin.create_topics([NewTopic(TOPIC, num_partitions=2, replication_factor=1)])
assert TOPIC in admin.list_topics(), admin.list_topics()

producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", compression_type="gzip")
sent = [
    producer.send(TOPIC, b"v%d" % i, key=b"k%d" % i, partition=i % 2, headers=[("h", b"x")])
    for i in range(100)
]
for future in sent:
    future.get(timeout=60)
producer.close()

consumer = KafkaConsumer(
    TOPIC, bootstrap_servers=BOOTSTRAP, group_id=f"g-{RUN}", auto_offset_reset="earliest",
    enable_auto_commit=False, consumer_timeout_ms=30000,
)
found = []
for record in consumer:
    assert record.headers == [("h", b"x")], record.headers
    found.append((record.partition, record.offset, record.value))
    if len(found) == 100:
        break
assert len(set(found)) == 100, len(found)
consumer.commit()
partitions = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]
assert [consumer.committed(partition) for partition in partitions] == [50, 50]
assert consumer.beginning_offsets(partitions) == {partition: 0 for partition in partitions}
assert consumer.end_offsets(partitions) == {partition: 50 for partition in partitions}
consumer.close()

admin.delete_topics([TOPIC])
assert TOPIC not in admin.list_topics()
admin.close()
print("ok")
