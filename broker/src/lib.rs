//! A durable, partitioned log that speaks the Kafka protocol.
