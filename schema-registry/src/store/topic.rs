//! The topic that holds the schemas: created when missing, checked when there.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{Admin, AdminError, ErrorCode, NewTopic, OffsetAt, TopicPartition};

use crate::config::RegistryConfig;

/// How long one request to Kafka may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first one may take, which shows whether anybody is there at all.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);
/// Kafka's code for more replicas than there are brokers.
const INVALID_REPLICATION_FACTOR: i32 = 38;

/// Why the topic cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The cluster did not answer, or refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] client::StartError),
    /// The topic has several partitions, so its records have no order.
    #[error("topic {topic} has {found} partitions, and the schema topic must have 1")]
    Partitions {
        /// The topic.
        topic: String,
        /// How many it has.
        found: i32,
    },
    /// The topic forgets records.
    #[error(
        "topic {topic} has cleanup.policy={found}, which forgets schemas after a while: set it to \
         compact"
    )]
    Policy {
        /// The topic.
        topic: String,
        /// Its policy.
        found: String,
    },
}

/// A topic that is there and fit.
pub struct Prepared {
    /// Offset behind its last record.
    pub end: i64,
    /// The client that was used; ending it takes a moment, so the caller says when.
    pub admin: Admin,
}

/// Makes sure that the topic is there and fit.
///
/// # Errors
///
/// [`TopicError`] with what to change.
pub fn prepare(config: &RegistryConfig) -> Result<Prepared, TopicError> {
    let admin = Admin::new(&config.admin)?;
    let end = end_of(&admin, config)?;
    Ok(Prepared { end, admin })
}

/// Creates or checks the topic, and returns the offset behind its last record.
fn end_of(admin: &Admin, config: &RegistryConfig) -> Result<i64, TopicError> {
    let topic = config.topic.as_str();
    match admin.topic(topic, REACH_TIMEOUT) {
        Ok(found) if found.partitions == 1 => check_policy(admin, topic)?,
        Ok(found) => {
            let found = found.partitions;
            return Err(TopicError::Partitions { topic: topic.to_owned(), found });
        }
        Err(AdminError::UnknownTopic { .. }) => {
            if create(admin, topic, config.replication_factor)? {
                return Ok(0);
            }
        }
        Err(error) => return Err(error.into()),
    }
    let partition = TopicPartition::new(topic, 0);
    let partitions = std::slice::from_ref(&partition);
    let ends = admin.offsets(partitions, OffsetAt::Latest, REQUEST_TIMEOUT)?;
    Ok(ends.get(&partition).copied().unwrap_or(0))
}

fn check_policy(admin: &Admin, topic: &str) -> Result<(), TopicError> {
    let configs = match admin.describe_topic_config(topic, REQUEST_TIMEOUT) {
        Ok(configs) => configs,
        Err(error) if error.is_retriable() => return Err(error.into()),
        Err(error) => {
            tracing::warn!(topic, %error, "cannot check that the topic's cleanup.policy is compact");
            return Ok(());
        }
    };
    let policy = configs.get("cleanup.policy").and_then(|entry| entry.value.as_deref());
    match policy {
        Some("compact") | None => Ok(()),
        Some(found) => Err(TopicError::Policy { topic: topic.to_owned(), found: found.to_owned() }),
    }
}

/// Creates the topic, with fewer replicas when there are not enough brokers; false when somebody
/// else was faster.
fn create(admin: &Admin, topic: &str, replication_factor: i32) -> Result<bool, TopicError> {
    let mut replicas = replication_factor;
    loop {
        let new = NewTopic {
            name: topic.to_owned(),
            partitions: 1,
            replication_factor: replicas,
            configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
        };
        let mut results = admin.create_topics(&[new], REQUEST_TIMEOUT)?;
        match results.remove(topic) {
            Some(Err(AdminError::AlreadyExists { .. })) => return Ok(false),
            Some(Err(AdminError::Kafka(error)))
                if error.code() == ErrorCode::from_raw(INVALID_REPLICATION_FACTOR)
                    && replicas > 1 =>
            {
                replicas -= 1;
            }
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(())) | None => break,
        }
    }
    if replicas < replication_factor {
        tracing::warn!(
            topic,
            replicas,
            "kafkastore.topic.replication.factor={replication_factor} needs more brokers than \
             there are; the topic has fewer replicas"
        );
    }
    tracing::info!(topic, "the schema topic is created");
    Ok(true)
}
