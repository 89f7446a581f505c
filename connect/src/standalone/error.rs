//! Why `connect-standalone` ends early. Exit codes are Kafka Connect's.

use std::error::Error;
use std::path::PathBuf;

use super::connector_files::ConnectorFileError;
use crate::config::WorkerConfigError;
use crate::embedded::EmbeddedError;
use crate::herder::HerderError;
use crate::offsets::OffsetStoreError;
use crate::rest::server::BindError;

/// Why the program ends early.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// The worker's file cannot be read.
    #[error("worker file: {0}")]
    Properties(#[from] config::properties::PropertiesError),
    /// The worker's settings are wrong.
    #[error("{}: {source}", path.display())]
    Config {
        /// The worker's file.
        path: PathBuf,
        /// What is wrong.
        source: WorkerConfigError,
    },
    /// A default converter does not work.
    #[error("default converters of the worker: {0}")]
    Converter(#[from] connect_api::ConnectError),
    /// A REST listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The offsets file cannot be used.
    #[error(transparent)]
    Offsets(#[from] OffsetStoreError),
    /// Broker or registry in this process did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// A thread or the runtime did not start.
    #[error("start the runtime: {0}")]
    Runtime(#[from] std::io::Error),
    /// A connector's file cannot be used.
    #[error(transparent)]
    ConnectorFile(#[from] ConnectorFileError),
    /// A connector given on the command line could not be created.
    #[error("connector {name}: {source}")]
    Create {
        /// Its name.
        name: String,
        /// Why.
        source: Box<HerderError>,
    },
}

impl StandaloneError {
    /// The error with those of its causes that its own text does not already say.
    #[must_use]
    pub fn full_text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            cause = error.source();
        }
        text
    }

    /// The program's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::ConnectorFile(_) | Self::Create { .. } => 3,
            _ => 2,
        }
    }
}
