//! A Confluent-compatible schema registry.

pub mod compatibility;
