//! The Kafka Connect worker.
