//! What a task is made of: parsed settings, converters, clients, error handling.

use std::sync::Arc;

use client::Consumer;
use config::Config;
use connect_api::connector::Settings;
use connect_api::{ConnectError, Result, SinkTask, SourceTask};

use super::clients;
use super::control::TaskControl;
use super::converters::Converters;
use super::dead_letter::{DeadLetterClients, DeadLetterQueue};
use super::error_handling::{ErrorHandling, ErrorSettings};
use super::record_reader::RecordReader;
use super::record_sender::RecordSender;
use super::running::Shared;
use super::sink_context::Reporter;
use super::sink_task::{SinkTaskParts, Subscription};
use super::source_task::{SourceTaskRun, client_error};
use super::topic_creator::TopicCreator;
use crate::connector_config::{SINK, SOURCE, TOPICS, TOPICS_REGEX};
use crate::herder::topic_creation::TopicCreation;
use crate::offsets::ConnectorOffsets;
use crate::status::TaskId;

/// The settings of one task: the connector's, and those that it gave this task.
#[derive(Clone)]
pub struct TaskSettings {
    /// The connector's, references resolved.
    pub connector: Arc<Settings>,
    /// The task's own.
    pub task: Settings,
}

/// Builds and runs a source task to its end.
///
/// # Errors
///
/// What could not be built, or what the task failed with.
pub fn run_source(
    shared: &Shared,
    id: TaskId,
    settings: TaskSettings,
    task: Box<dyn SourceTask>,
    control: TaskControl,
) -> Result<()> {
    let parsed = SOURCE.parse(&settings.connector).map_err(config_error)?;
    let worker = &shared.config;
    let progress = shared.progress.task(&id);
    let errors = ErrorHandling::new(
        ErrorSettings::of(&parsed),
        id.clone(),
        control.clone(),
        Arc::clone(&progress),
    );
    let converters = Converters::of(&settings.connector, worker, &shared.plugins)?;
    let producer =
        clients::source_producer(worker, &settings.connector, &id).map_err(client_error)?;
    let topics = topic_creator(shared, &settings.connector, &id)?;
    let sender = RecordSender::new(&producer, converters, errors, topics, control.clone())?;
    let offsets = ConnectorOffsets::new(Arc::clone(&id.connector), Arc::clone(&shared.offsets));
    SourceTaskRun {
        id,
        task,
        settings: settings.task,
        sender,
        offsets: Arc::new(offsets),
        control,
        status: Arc::clone(&shared.status),
        progress,
        timing: worker.timing,
        uncommitted: Vec::new(),
    }
    .run()
}

/// Builds and runs a sink task to its end.
///
/// # Errors
///
/// What could not be built, or what the task failed with.
pub fn run_sink(
    shared: &Shared,
    id: TaskId,
    settings: TaskSettings,
    task: Box<dyn SinkTask>,
    control: TaskControl,
) -> Result<()> {
    let parsed = SINK.parse(&settings.connector).map_err(config_error)?;
    let worker = &shared.config;
    let progress = shared.progress.task(&id);
    let error_settings = ErrorSettings::of(&parsed);
    let reporter =
        error_settings.tolerates().then(|| Arc::new(Reporter::new(Arc::clone(&progress))));
    let errors =
        ErrorHandling::new(error_settings, id.clone(), control.clone(), Arc::clone(&progress));
    let converters = Converters::of(&settings.connector, worker, &shared.plugins)?;
    let dead_letters = DeadLetterQueue::open(&parsed, id.clone(), || {
        let admin_id = format!("connector-dlq-adminclient-{id}");
        let own = &settings.connector;
        Ok(DeadLetterClients {
            producer: clients::dead_letter_producer(worker, own, &id).map_err(client_error)?,
            admin: clients::admin(worker, Some(own), &admin_id).map_err(client_error)?,
        })
    })?;
    let consumer =
        clients::sink_consumer(worker, &settings.connector, &id).map_err(client_error)?;
    SinkTaskParts {
        task,
        settings: settings.task,
        subscription: subscription(&parsed),
        max_records: consumer.max_poll_records(),
        consumer: Consumer::new(&consumer).map_err(client_error)?,
        reader: RecordReader::new(converters, errors, dead_letters),
        reporter,
        control,
        status: Arc::clone(&shared.status),
        progress,
        topics: Arc::clone(&shared.topics),
        timing: worker.timing,
        id,
    }
    .run()
}

fn topic_creator(shared: &Shared, settings: &Settings, id: &TaskId) -> Result<TopicCreator> {
    let creation = match TopicCreation::of(settings).filter(|_| shared.config.topic_creation) {
        None => None,
        Some(creation) => {
            let client_id = format!("connector-adminclient-{id}");
            let admin = clients::admin(&shared.config, Some(settings), &client_id);
            Some((creation, admin.map_err(client_error)?))
        }
    };
    Ok(TopicCreator::new(Arc::clone(&id.connector), creation, Arc::clone(&shared.topics)))
}

fn subscription(parsed: &Config) -> Subscription {
    let pattern = parsed.string(TOPICS_REGEX).trim();
    if pattern.is_empty() {
        Subscription::Topics(parsed.list(TOPICS).to_vec())
    } else {
        Subscription::Pattern(pattern.to_owned())
    }
}

fn config_error(errors: config::ConfigErrors) -> ConnectError {
    ConnectError::fatal(errors.to_string()).because(errors)
}
