//! What can go wrong with a cluster, and whether trying again can help.
//!
//! Codes from 0 are Kafka's own and mean what the protocol says; negative ones are
//! librdkafka's, for what never reached a broker.

use crate::native;

/// A result code of Kafka (0 and above) or of librdkafka (below 0).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(i32);

impl ErrorCode {
    /// No error.
    pub const NONE: Self = Self(0);
    /// The offset asked for is not in the log.
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    /// The topic or the partition does not exist.
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    /// The record is larger than the topic takes.
    pub const MESSAGE_TOO_LARGE: Self = Self(10);
    /// The topic's name breaks Kafka's rules.
    pub const INVALID_TOPIC: Self = Self(17);
    /// This client may not use the topic.
    pub const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    /// This client may not use the group.
    pub const GROUP_AUTHORIZATION_FAILED: Self = Self(30);
    /// This client may not do this to the cluster.
    pub const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    /// A topic of that name is there already.
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    /// The broker does not know this version of the request.
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    /// The broker and the client share no SASL mechanism.
    pub const UNSUPPORTED_SASL_MECHANISM: Self = Self(33);
    /// User or password are wrong.
    pub const SASL_AUTHENTICATION_FAILED: Self = Self(58);
    /// Another member took this static member's place.
    pub const FENCED_INSTANCE_ID: Self = Self(82);
    /// The group's members have no assignor in common.
    pub const INCONSISTENT_GROUP_PROTOCOL: Self = Self(23);
    /// The group id is empty or not allowed.
    pub const INVALID_GROUP_ID: Self = Self(24);
    /// The broker went away, or cannot be reached.
    pub const TRANSPORT: Self = Self(-195);
    /// A host name does not resolve.
    pub const RESOLVE: Self = Self(-193);
    /// A record was not acknowledged within its time.
    pub const MESSAGE_TIMED_OUT: Self = Self(-192);
    /// The partition does not exist, as far as the client knows.
    pub const LOCAL_UNKNOWN_PARTITION: Self = Self(-190);
    /// The topic does not exist, as far as the client knows.
    pub const LOCAL_UNKNOWN_TOPIC: Self = Self(-188);
    /// No broker can be reached.
    pub const ALL_BROKERS_DOWN: Self = Self(-187);
    /// An argument is out of range.
    pub const INVALID_ARGUMENT: Self = Self(-186);
    /// No answer came in time.
    pub const TIMED_OUT: Self = Self(-185);
    /// The local queue has no room.
    pub const QUEUE_FULL: Self = Self(-184);
    /// TLS failed.
    pub const SSL: Self = Self(-181);
    /// The client is not in a state for this.
    pub const STATE: Self = Self(-172);
    /// The broker refused who we are.
    pub const AUTHENTICATION: Self = Self(-169);
    /// There is no offset to act on.
    pub const NO_OFFSET: Self = Self(-168);
    /// There is nothing of that name, as far as the client knows.
    pub const NO_ENTRY: Self = Self(-156);
    /// A record was still queued when its producer was closed.
    pub const PURGED_FROM_QUEUE: Self = Self(-152);
    /// A record was under way when its producer was closed.
    pub const PURGED_IN_FLIGHT: Self = Self(-151);
    /// The client cannot go on: see the cause.
    pub const FATAL: Self = Self(-150);
    /// The consumer did not poll for longer than `max.poll.interval.ms`.
    pub const MAX_POLL_EXCEEDED: Self = Self(-147);
    /// There is no committed offset, and `auto.offset.reset` forbids to choose one.
    pub const AUTO_OFFSET_RESET: Self = Self(-140);

    /// Takes a code as librdkafka gives it.
    #[must_use]
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// The number.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }

    /// A sentence that describes the code.
    #[must_use]
    pub fn description(self) -> String {
        native::describe_code(self.0)
    }

    /// Whether the same request may succeed later without anybody's doing.
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        match self.0 {
            // what the network, a restart or an election causes
            -195 | -193 | -192 | -187 | -185 | -184 | -180 | -166 | -164 | -153 | -147 => true,
            // Kafka's retriable codes: leadership, coordinators, throttling, storage, epochs
            2
            | 3
            | 5..=9
            | 13..=16
            | 19
            | 20
            | 22
            | 25
            | 27
            | 41
            | 51
            | 56
            | 70
            | 71
            | 72
            | 74
            | 75
            | 76
            | 78
            | 79
            | 84
            | 89 => true,
            // as far as the client knows: metadata may not have come yet
            -190 | -188 => true,
            _ => false,
        }
    }
}

impl std::fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", native::name_of_code(self.0), self.0)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&native::name_of_code(self.0))
    }
}

/// What the cluster or librdkafka said about one request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({code})")]
pub struct KafkaError {
    code: ErrorCode,
    reason: String,
    fatal: bool,
}

impl KafkaError {
    /// An error with the text that describes its code.
    #[must_use]
    pub fn from_code(code: ErrorCode) -> Self {
        Self { code, reason: code.description(), fatal: code == ErrorCode::FATAL }
    }

    /// An error with the text that came with it; an empty one is replaced by the code's.
    #[must_use]
    pub fn with_reason(code: ErrorCode, reason: String) -> Self {
        if reason.is_empty() {
            return Self::from_code(code);
        }
        Self { code, reason, fatal: code == ErrorCode::FATAL }
    }

    /// Marks the error as one after which the client can only be replaced.
    #[must_use]
    pub(crate) fn into_fatal(mut self) -> Self {
        self.fatal = true;
        self
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence that came with the code.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the client that reported this can only be replaced.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        !self.fatal && self.code.is_retriable()
    }
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// librdkafka refused the settings.
    #[error("start a Kafka client: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("start the thread of a Kafka client")]
    Thread(#[from] std::io::Error),
    /// The settings are another role's.
    #[error("settings of a {found:?} given to a {wanted:?}")]
    WrongRole {
        /// What the settings were made for.
        found: crate::Role,
        /// What they were used for.
        wanted: crate::Role,
    },
}

/// Why a record was not taken for sending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The local queue is full: wait for room and send again.
    #[error("the producer's queue is full")]
    QueueFull,
    /// The record is larger than `max.request.size`.
    #[error("record of {size} bytes is larger than max.request.size")]
    TooLarge {
        /// Bytes of key and value.
        size: usize,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition asked for.
        partition: i32,
    },
    /// A topic or a header name holds a zero byte.
    #[error("a zero byte in the name of a topic or a header")]
    ZeroByte,
    /// librdkafka refused the record.
    #[error("record for topic {topic} refused")]
    Refused {
        /// The topic.
        topic: String,
        /// What it said.
        source: KafkaError,
    },
    /// The producer can only be replaced.
    #[error("the producer failed for good")]
    Fatal(#[source] KafkaError),
}

/// Why a consumer has no records to give, or could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// A topic is not there (yet).
    #[error("topic {topic} does not exist")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// A partition has no committed offset and `auto.offset.reset` is `none`.
    #[error("no offset to start from: {0}")]
    NoOffset(#[source] KafkaError),
    /// The broker does not let this client read.
    #[error("not allowed: {0}")]
    NotAllowed(#[source] KafkaError),
    /// A group operation on a consumer without `group.id`.
    #[error("the consumer has no group.id")]
    NoGroup,
    /// A topic name holds a zero byte.
    #[error("a zero byte in the name of a topic")]
    ZeroByte,
    /// The cluster or librdkafka reported an error.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl ConsumeError {
    /// Whether polling again can succeed without anybody's doing.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::UnknownTopic { .. } => true,
            Self::Kafka(error) => error.is_retriable(),
            Self::NoOffset(_) | Self::NotAllowed(_) | Self::NoGroup | Self::ZeroByte => false,
        }
    }

    /// The code behind it, if one came from the cluster or from librdkafka.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::NoOffset(error) | Self::NotAllowed(error) | Self::Kafka(error) => {
                Some(error.code())
            }
            Self::UnknownTopic { .. } => Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Self::NoGroup | Self::ZeroByte => None,
        }
    }
}

/// Why an administrative request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// A topic of that name is there already.
    #[error("topic {topic} already exists")]
    AlreadyExists {
        /// Its name.
        topic: String,
    },
    /// There is no such topic or partition.
    #[error("topic {topic} does not exist")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// No answer came in time; `last` is the last trouble with a connection, if any.
    #[error("no answer from the cluster in {timeout_ms} ms{}", match last { Some(e) => format!(": {e}"), None => String::new() })]
    TimedOut {
        /// How long was waited.
        timeout_ms: u64,
        /// The last trouble with a connection.
        last: Option<KafkaError>,
    },
    /// A name or a value holds a zero byte.
    #[error("a zero byte in {what}")]
    ZeroByte {
        /// Which argument.
        what: &'static str,
    },
    /// The cluster or librdkafka reported an error.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl AdminError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Kafka(error) => error.is_retriable(),
            Self::AlreadyExists { .. } | Self::UnknownTopic { .. } | Self::ZeroByte { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_what_it_means() {
        assert_eq!(ErrorCode::TOPIC_ALREADY_EXISTS.to_string(), "TOPIC_ALREADY_EXISTS");
        assert!(ErrorCode::ALL_BROKERS_DOWN.description().contains("down"));
        assert_eq!(ErrorCode::from_raw(9999).to_string(), "code 9999");
    }

    #[test]
    fn a_fatal_error_is_never_retriable() {
        let error = KafkaError::from_code(ErrorCode::TRANSPORT);
        assert!(error.is_retriable());
        assert!(!error.into_fatal().is_retriable());
    }
}
