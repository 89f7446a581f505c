//! Why the herder did not do what it was asked; the REST API turns it into a status code.

use connect_api::ConnectError;

use crate::config::WorkerConfigError;
use crate::offsets::OffsetStoreError;
use crate::plugin::UnknownPlugin;

/// Why a request to the herder failed.
#[derive(Debug, thiserror::Error)]
pub enum HerderError {
    /// There is no such connector.
    #[error("Connector {0} not found")]
    NoConnector(String),
    /// There is no such connector, in the words of pause and resume.
    #[error("Unknown connector {0}")]
    UnknownConnector(String),
    /// There is no such task.
    #[error("Task {connector}-{task} not found")]
    NoTask {
        /// Name of the connector.
        connector: String,
        /// Number of the task.
        task: usize,
    },
    /// A connector of that name is there already.
    #[error("Connector {0} already exists")]
    AlreadyExists(String),
    /// Settings are wrong.
    #[error("{}", invalid_text(.0))]
    Invalid(Vec<String>),
    /// There is no `connector.class`.
    #[error("Connector config contains no connector type; set connector.class")]
    NoClass,
    /// A class is not built in.
    #[error(transparent)]
    UnknownClass(#[from] UnknownPlugin),
    /// A reference in the settings cannot be resolved.
    #[error(transparent)]
    Provider(#[from] config::provider::ProviderError),
    /// The connector did not start, or panicked.
    #[error("{0}")]
    Connector(#[from] ConnectError),
    /// The connector's offsets can be changed only while it is stopped.
    #[error(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can \
         be done for the specified connector by issuing a 'PUT' request to the \
         '/connectors/{0}/stop' endpoint"
    )]
    NotStopped(String),
    /// The offsets given make no sense.
    #[error("{0}")]
    BadOffsets(String),
    /// Offsets could not be read or written.
    #[error(transparent)]
    OffsetStore(#[from] OffsetStoreError),
    /// Kafka did not answer, or refused.
    #[error("ask Kafka for the offsets of the consumer group: {0}")]
    Kafka(String),
    /// The worker's own settings are wrong.
    #[error(transparent)]
    Worker(#[from] WorkerConfigError),
    /// The worker is ending.
    #[error("the worker is shutting down")]
    ShuttingDown,
    /// The request waited too long.
    #[error("Request timed out")]
    TimedOut,
}

/// One mistake may be an error of several settings: it is told once.
fn invalid_text(errors: &[String]) -> String {
    let earlier = |index: usize| errors.get(..index).unwrap_or_default();
    let errors = errors.iter().enumerate();
    let errors: Vec<&String> =
        errors.filter(|(index, error)| !earlier(*index).contains(error)).map(|(_, e)| e).collect();
    let mut text = format!(
        "Connector configuration is invalid and contains the following {} error(s):",
        errors.len()
    );
    for error in errors {
        text.push('\n');
        text.push_str(error);
    }
    text.push_str(
        "\nYou can also find the above list of errors at the endpoint \
         `/connector-plugins/{connectorType}/config/validate`",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistake_of_two_settings_is_told_once() {
        let twice = "Must configure one of topics or topics.regex".to_owned();
        let text = HerderError::Invalid(vec![twice.clone(), twice]).to_string();
        assert!(text.contains("the following 1 error(s):"), "{text}");
        assert_eq!(text.matches("Must configure").count(), 1, "{text}");
    }
}
