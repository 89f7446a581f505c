//! Why the broker does not start.

use std::io;

use ::config::ConfigErrors;

use crate::log::OpenError;
use crate::metadata::MetadataError;
use crate::topic_config::TopicConfigError;

/// A setting that the broker refuses.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// One or more values are wrong.
    #[error("{0}")]
    Values(ConfigErrors),
    /// The key asks for something that this broker does not do.
    #[error("{key} is set, and this broker does not serve it: remove the key")]
    NotServed {
        /// The key.
        key: String,
    },
    /// A listener has a security protocol that is not served.
    #[error(
        "Invalid value {protocol} for the protocol of listener {name} in listeners: \
         only PLAINTEXT is served"
    )]
    Protocol {
        /// The listener.
        name: String,
        /// Its protocol.
        protocol: String,
    },
    /// An entry of the protocol map has no colon.
    #[error(
        "Invalid value {entry} for configuration listener.security.protocol.map: expected NAME:PROTOCOL"
    )]
    ProtocolMap {
        /// The entry.
        entry: String,
    },
    /// A listener is not `NAME://host:port`.
    #[error("Invalid value {value} for configuration {key}: expected NAME://host:port")]
    Endpoint {
        /// The key.
        key: &'static str,
        /// The entry.
        value: String,
    },
    /// Two listeners have one name.
    #[error("listener {name} occurs twice in listeners")]
    ListenerTwice {
        /// The name.
        name: String,
    },
    /// `advertised.listeners` names a listener that does not exist.
    #[error("advertised.listeners names {name}, which is not in listeners")]
    AdvertisedUnknown {
        /// The name.
        name: String,
    },
    /// No listener is left to open.
    #[error("listeners names no listener for clients")]
    NoListener,
    /// No data directory is given.
    #[error("log.dirs names no directory")]
    NoLogDirectory,
    /// More than one data directory is given.
    #[error("Invalid value {value} for configuration log.dirs: this broker uses one directory")]
    SeveralLogDirectories {
        /// The value.
        value: String,
    },
}

/// Why the broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener cannot be opened.
    #[error("listener {name} cannot use {host}:{port}: {source}{advice}")]
    Listen {
        /// The listener's name.
        name: String,
        /// The host that was asked for.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What a person can do.
        advice: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The host of a listener has no address.
    #[error("listener {name}: host {host} has no address; change listeners")]
    NoAddress {
        /// The listener's name.
        name: String,
        /// The host.
        host: String,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The metadata in the data directory cannot be used.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The defaults of topics are wrong.
    #[error("defaults of topics: {0}")]
    TopicDefaults(TopicConfigError),
    /// Opening the data directory was interrupted.
    #[error("opening the data directory: {0}")]
    Interrupted(io::Error),
}
