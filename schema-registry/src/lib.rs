//! A Confluent-compatible schema registry.
//!
//! | module | owns |
//! |---|---|
//! | [`compatibility`] | whether a new schema may join a subject; pure |
//! | [`store`] | the schemas topic, its fold in memory, and how it changes |
//! | [`registry`] | what a request means: registration, look-up, deletion, settings |
//! | [`rest`] | routes, bodies, media types, error codes |
//! | [`config`] | settings |
//! | [`server`] | start, addresses, shutdown |
//!
//! A registration passes `rest::subjects` → `registry::register` → `store::writer` → the topic →
//! `store::reader` → `store::index`, and is answered then. [`SchemaRegistry::start`] is the way in.

pub mod compatibility;
pub mod config;
pub mod registry;
pub mod rest;
pub mod server;
pub mod store;

pub use config::{ConfigError, RegistryConfig, definitions};
pub use server::{RunningRegistry, SchemaRegistry, StartError};
