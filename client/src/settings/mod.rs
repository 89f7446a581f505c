//! Settings of the Java clients, in librdkafka's terms.

mod jaas;
mod keys;
mod security;
mod translate;

pub use translate::{ClientSettings, Role, SettingsError, Warning};
