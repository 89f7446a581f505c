//! The herder: knows which connectors are wanted, and makes the worker run them.
//!
//! | file | holds |
//! |---|---|
//! | `standalone.rs` | the herder of a worker that is alone, as others see it |
//! | `actor.rs` | its own task: one request at a time |
//! | `plan.rs` | what to start and stop; pure |
//! | `view.rs` | what readers see |
//! | `validation.rs`, `checks.rs`, `config_infos.rs` | validation of settings, and its answer |
//! | `topic_creation.rs` | settings of topics that sources create |
//! | `offsets.rs` | offsets, read and changed by an operator |

mod actor;
pub mod checks;
pub mod config_infos;
pub mod error;
pub mod offsets;
pub mod plan;
pub mod standalone;
pub mod topic_creation;
pub mod validation;
pub mod view;

pub use actor::{PutMode, RestartScope};
pub use error::HerderError;
pub use plan::Target;
pub use standalone::StandaloneHerder;
