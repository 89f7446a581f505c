//! The Kafka wire protocol over bytes: messages, record batches, bounded decoding.
