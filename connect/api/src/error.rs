//! The one error that crosses the boundary between the worker and a plug-in.
//!
//! Its kind decides what the worker does: retry, hand the record to error handling, or fail the
//! task. Kafka Connect's exceptions map as `RetriableException` → [`ConnectError::Retriable`],
//! `DataException` → [`ConnectError::Data`], every other one → [`ConnectError::Fatal`].

use std::error::Error as StdError;

/// Outcome of whatever a connector, converter or transform does.
pub type Result<T, E = ConnectError> = std::result::Result<T, E>;

/// Cause of an error, as another library raised it.
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// Why a plug-in could not do what the worker asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The same call may succeed later: an outside system is away or busy.
    #[error("{message}")]
    Retriable {
        /// What failed and what it waits for.
        message: String,
        /// The error underneath, if another library raised one.
        source: Option<Cause>,
    },
    /// One record is at fault; others may pass.
    #[error("{message}")]
    Data {
        /// What is wrong with the record.
        message: String,
        /// The error underneath, if another library raised one.
        source: Option<Cause>,
    },
    /// A setting is wrong; the task cannot run until it is changed.
    #[error("invalid value {value} for configuration {key}: {expected}")]
    Config {
        /// Name of the setting.
        key: String,
        /// Its value; `[hidden]` for a password.
        value: String,
        /// What was expected.
        expected: String,
    },
    /// The task cannot go on.
    #[error("{message}")]
    Fatal {
        /// What failed.
        message: String,
        /// The error underneath, if another library raised one.
        source: Option<Cause>,
    },
}

impl ConnectError {
    /// Makes a retriable error without a cause.
    pub fn retriable(message: impl Into<String>) -> Self {
        Self::Retriable { message: message.into(), source: None }
    }

    /// Makes a record error without a cause.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data { message: message.into(), source: None }
    }

    /// Makes a fatal error without a cause.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal { message: message.into(), source: None }
    }

    /// Makes a configuration error.
    pub fn config(
        key: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config { key: key.into(), value: value.into(), expected: expected.into() }
    }

    /// Adds the error underneath; a configuration error has none and stays as it is.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        match &mut self {
            Self::Retriable { source, .. }
            | Self::Data { source, .. }
            | Self::Fatal { source, .. } => *source = Some(cause.into()),
            Self::Config { .. } => {}
        }
        self
    }

    /// Tells whether the worker should try the same call again.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        matches!(self, Self::Retriable { .. })
    }

    /// Java class whose name this error bears in traces and dead-letter headers.
    #[must_use]
    pub const fn java_class(&self) -> &'static str {
        match self {
            Self::Retriable { .. } => "org.apache.kafka.connect.errors.RetriableException",
            Self::Data { .. } => "org.apache.kafka.connect.errors.DataException",
            Self::Config { .. } => "org.apache.kafka.common.config.ConfigException",
            Self::Fatal { .. } => "org.apache.kafka.connect.errors.ConnectException",
        }
    }

    /// Writes the error and all its causes on one line each, as `trace` in a status shows it. A
    /// cause that an error names in its own words is not repeated.
    #[must_use]
    pub fn trace(&self) -> String {
        let mut out = format!("{}: {self}", self.java_class());
        let mut last = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !last.contains(&words) {
                out.push_str("\nCaused by: ");
                out.push_str(&words);
                last = words;
            }
            cause = error.source();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_lists_every_cause() {
        let io = std::io::Error::new(std::io::ErrorKind::StorageFull, "no space left on device");
        let error = ConnectError::fatal("write /tmp/out").because(io);
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: write /tmp/out\n\
             Caused by: no space left on device"
        );
    }

    #[test]
    fn cause_that_was_named_already_is_not_repeated() {
        let away = std::io::Error::other("connection refused");
        let error = ConnectError::retriable("registry is away").because(away);
        let error = ConnectError::fatal(format!("record 7: {error}")).because(error);
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: record 7: registry is away\n\
             Caused by: connection refused"
        );
    }
}
