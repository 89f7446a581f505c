//! What is wrong with given settings, in the wording of Kafka's `ConfigException`.
//!
//! Messages start with a capital letter because people and tools search for Kafka's.

use std::fmt;

/// One thing that is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The setting is absent and has no default.
    #[error("Missing required configuration \"{key}\" which has no default value.")]
    Missing {
        /// Name of the setting.
        key: String,
    },
    /// The setting's value is not what it should be.
    #[error("Invalid value {value} for configuration {key}: {expected}")]
    Invalid {
        /// Name of the setting.
        key: String,
        /// Its value; `[hidden]` for a password.
        value: String,
        /// What was expected.
        expected: String,
    },
}

impl ConfigError {
    /// Makes the error of a value that does not meet an expectation.
    pub fn invalid(
        key: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid { key: key.into(), value: value.to_string(), expected: expected.into() }
    }

    /// Name of the setting that is wrong.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Missing { key } | Self::Invalid { key, .. } => key,
        }
    }
}

/// Everything that is wrong with a component's settings, in the order of their definitions.
///
/// Never empty. Prints one error per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Takes the errors; none when the list is empty, because then nothing is wrong.
    #[must_use]
    pub fn new(errors: Vec<ConfigError>) -> Option<Self> {
        if errors.is_empty() { None } else { Some(Self(errors)) }
    }

    /// Lists the errors; at least one.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.0
    }

    /// Lists the messages; at least one.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
