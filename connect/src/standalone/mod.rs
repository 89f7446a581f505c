//! The program `connect-standalone`.
//!
//! | file | holds |
//! |---|---|
//! | `program.rs` | start, life and end of the process |
//! | `running.rs` | a worker that runs, as the program and tests hold it |
//! | `signals.rs` | the signals that end the program |
//! | `connector_files.rs` | connectors given as files |
//! | `error.rs` | why the program ends early, and its exit codes |

mod connector_files;
mod error;
mod program;
mod running;
mod signals;

pub use connector_files::{ConnectorFile, ConnectorFileError};
pub use error::StandaloneError;
pub use program::main;
pub use running::RunningStandalone;
