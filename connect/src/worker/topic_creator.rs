//! Creates a source's topics before their first record, if its settings say how, and remembers
//! which topics it writes to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use client::{Admin, AdminError, ClientSettings, NewTopic};
use connect_api::{ConnectError, Result};

use super::source_task::client_error;
use crate::herder::topic_creation::TopicCreation;
use crate::topics::ActiveTopics;

/// How long the cluster may take to create a topic.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The topics of one source task.
pub struct TopicCreator {
    connector: Arc<str>,
    creation: Option<(TopicCreation, ClientSettings)>,
    active: Arc<ActiveTopics>,
    last: Option<Arc<str>>,
    known: BTreeSet<Arc<str>>,
}

impl TopicCreator {
    /// Makes the creator; without `creation` the broker creates topics as it likes.
    #[must_use]
    pub fn new(
        connector: Arc<str>,
        creation: Option<(TopicCreation, ClientSettings)>,
        active: Arc<ActiveTopics>,
    ) -> Self {
        Self { connector, creation, active, last: None, known: BTreeSet::new() }
    }

    /// Makes sure that a record may be sent to `topic`. Cheap for the topic of the record before.
    ///
    /// # Errors
    ///
    /// The topic cannot be created.
    pub fn prepare(&mut self, topic: &Arc<str>) -> Result<()> {
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, topic) || last == topic) {
            return Ok(());
        }
        if !self.known.contains(topic) {
            self.create(topic)?;
            self.active.add(&self.connector, topic);
            self.known.insert(Arc::clone(topic));
        }
        self.last = Some(Arc::clone(topic));
        Ok(())
    }

    fn create(&self, topic: &Arc<str>) -> Result<()> {
        let Some((creation, settings)) = &self.creation else { return Ok(()) };
        let Some(wanted) = creation.for_topic(topic) else { return Ok(()) };
        let admin = Admin::new(settings).map_err(client_error)?;
        let new_topic = NewTopic {
            name: topic.to_string(),
            partitions: wanted.partitions,
            replication_factor: i32::from(wanted.replication_factor),
            configs: wanted.configs.clone(),
        };
        create(&admin, new_topic)
    }
}

/// Creates one topic; one that is there already is left as it is.
///
/// # Errors
///
/// Fatal: the cluster refused, or did not answer in time.
pub fn create(admin: &Admin, topic: NewTopic) -> Result<()> {
    let name = topic.name.clone();
    let results = admin.create_topics(&[topic], CREATE_TIMEOUT).map_err(|error| {
        ConnectError::fatal(format!("create topic {name}: {error}")).because(error)
    })?;
    for result in results.into_values() {
        match result {
            Ok(()) | Err(AdminError::AlreadyExists { .. }) => {}
            Err(error) => {
                let text = format!("create topic {name}: {error}");
                return Err(ConnectError::fatal(text).because(error));
            }
        }
    }
    Ok(())
}
