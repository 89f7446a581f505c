//! Properties files, setting definitions, config providers and redaction.
//!
//! The package knows no setting: each package defines its own keys beside the code that uses them.
//!
//! | module | holds |
//! |---|---|
//! | [`properties`] | Java's `.properties` format, with line numbers |
//! | [`key`] | [`Key`]: one setting's type, default, checks and documentation |
//! | [`definition`] | [`ConfigDef`]: all keys of a component; parses, validates, documents |
//! | [`parsed`] | [`Config`]: values after a successful parse |
//! | [`value`] | [`ConfigValue`], [`ConfigType`], [`Password`] |
//! | [`error`] | [`ConfigErrors`]: everything that is wrong, in Kafka's wording |
//! | [`unknown`] | keys that nothing knows, and the nearest name that something does |
//! | [`provider`] | `${env:…}`, `${file:…}` and `${dir:…}` references |
//! | [`redaction`] | secrets out of texts and settings |

pub mod definition;
pub mod error;
pub mod key;
pub mod parsed;
pub mod properties;
pub mod provider;
pub mod redaction;
pub mod unknown;
pub mod value;

pub use definition::{ConfigDef, KeyReport};
pub use error::{ConfigError, ConfigErrors};
pub use key::{Bound, DefaultValue, Key, Validator};
pub use parsed::Config;
pub use properties::Properties;
pub use redaction::{HIDDEN, is_secret_name, redact, redact_settings};
pub use unknown::{UnknownKey, nearest};
pub use value::{ConfigType, ConfigValue, Importance, Password, Width};
