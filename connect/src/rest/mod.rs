//! The REST API: Kafka Connect's paths, bodies and status codes.
//!
//! | file | holds |
//! |---|---|
//! | `server.rs`, `listener.rs` | sockets, routes |
//! | `root.rs`, `connectors.rs`, `offsets.rs`, `plugins.rs` | one resource each |
//! | `body.rs`, `error.rs`, `state.rs` | what they share |

pub mod body;
mod connectors;
pub mod error;
pub mod listener;
mod offsets;
mod plugins;
mod root;
pub mod server;
mod state;

pub use root::Health;
pub use state::RestState;
