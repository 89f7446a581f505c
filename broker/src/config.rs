//! The broker's settings: Kafka's `server.properties`, read once and checked whole.
