//! What a request means, apart from HTTP: decisions on the index, changes through the store.
//!
//! | module | owns |
//! |---|---|
//! | [`service`] | [`Registry`]: store, settings and cache together |
//! | [`names`] | subjects and version numbers as callers write them |
//! | [`schemas`] | texts and references → parsed schemas, with a bounded cache |
//! | [`register`] | registration and look-up |
//! | [`delete`] | soft and permanent deletion of versions and subjects |
//! | [`checks`] | compatibility with the versions of a subject |
//! | [`settings`] | compatibility levels and modes, and which of them counts |
//! | [`error`] | everything that a caller can be told |

pub mod checks;
pub mod delete;
pub mod error;
pub mod names;
pub mod register;
pub mod schemas;
pub mod service;
pub mod settings;

pub use error::RegistryError;
pub use names::VersionId;
pub use service::Registry;
