//! What a Kafka Connect connector sees: data model, records, traits.
