//! The worker: runs connectors and tasks, each task on a thread of its own.
//!
//! | file | holds |
//! |---|---|
//! | `running.rs` | starts and stops connectors and tasks |
//! | `connector_host.rs` | one connector's life, apart from the worker's threads |
//! | `task_builder.rs` | what a task is made of |
//! | `task_thread.rs`, `control.rs` | a task's thread, and how it is told what to do |
//! | `source_task.rs`, `record_sender.rs`, `submitted.rs`, `topic_creator.rs` | a record's way in |
//! | `sink_task.rs`, `record_reader.rs`, `sink_positions.rs`, `sink_context.rs`, `dead_letter.rs` | a record's way out |
//! | `converters.rs`, `error_handling.rs`, `clients.rs` | what both ways share |

pub mod clients;
pub mod connector_host;
pub mod control;
pub mod converters;
pub mod dead_letter;
pub mod error_handling;
pub mod record_reader;
pub mod record_sender;
mod running;
pub mod sink_context;
pub mod sink_positions;
pub mod sink_task;
pub mod source_task;
pub mod submitted;
pub mod task_builder;
pub mod task_thread;
pub mod topic_creator;

pub use running::{Shared, StartConnector, Worker};
