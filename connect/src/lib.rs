//! The Kafka Connect worker: runs source and sink connectors, and is told what to do over REST.
//!
//! | module | holds |
//! |---|---|
//! | [`herder`] | which connectors are wanted, and the plan to run them |
//! | [`worker`] | connectors and tasks that run; a record's way in and out |
//! | [`rest`] | the REST API |
//! | [`plugin`] | connectors and converters by Java class name |
//! | [`converter`] | bytes in Kafka ⇄ values with schemas |
//! | [`offsets`] | where source offsets are kept |
//! | [`status`], [`progress`], [`topics`] | states, counters and topics of connectors and tasks |
//! | [`mod@config`], [`connector_config`], [`override_policy`] | settings of the worker and of every connector |
//! | [`embedded`] | broker and registry in this process |
//! | [`console`] | the first screen, the live lines, the log |
//! | [`standalone`] | the program `connect-standalone` |

pub mod config;
pub mod connector_config;
pub mod console;
pub mod converter;
pub mod embedded;
pub mod herder;
pub mod offsets;
pub mod override_policy;
pub mod plugin;
pub mod progress;
pub mod rest;
pub mod standalone;
pub mod status;
pub mod topics;
pub mod worker;
