//! What happens when one record cannot be processed: retry, skip, log, or fail the task.
//!
//! Retriable errors are tried again from 300 ms, doubling, below `errors.retry.delay.max.ms`,
//! for `errors.retry.timeout`, or for as long as it takes when that is not set. What remains
//! retriable then fails the task even with `errors.tolerance=all`: a service that is away says
//! nothing about the record.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Config;
use connect_api::{ConnectError, Result};

use super::control::TaskControl;
use crate::progress::TaskProgress;
use crate::status::TaskId;

const FIRST_DELAY: Duration = Duration::from_millis(300);
const RETRY_TIMEOUT: &str = "errors.retry.timeout";

/// Where a record was when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A source's poll.
    TaskPoll,
    /// A sink's put.
    TaskPut,
    /// The conversion of the key.
    KeyConverter,
    /// The conversion of the value.
    ValueConverter,
    /// The conversion of a header.
    HeaderConverter,
    /// The hand-over to Kafka.
    KafkaProduce,
}

impl Stage {
    /// Name, as logs and dead-letter headers show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TaskPoll => "TASK_POLL",
            Self::TaskPut => "TASK_PUT",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}

/// A failed record: where, in which class, why.
#[derive(Debug)]
pub struct Failure {
    /// Where it was.
    pub stage: Stage,
    /// The plug-in's class or name.
    pub class: Arc<str>,
    /// Why.
    pub error: ConnectError,
}

/// The connector's settings for errors.
#[derive(Debug, Clone)]
pub struct ErrorSettings {
    tolerate_all: bool,
    retry_timeout: Option<Duration>,
    retry_delay_max: Duration,
    log: bool,
    log_records: bool,
}

impl ErrorSettings {
    /// Takes them from a connector's parsed settings.
    #[must_use]
    pub fn of(parsed: &Config) -> Self {
        let ms = |value: i64| Duration::from_millis(u64::try_from(value).unwrap_or(0));
        let is_given = parsed.is_given(RETRY_TIMEOUT);
        let timeout = if is_given { parsed.long(RETRY_TIMEOUT) } else { -1 };
        Self {
            tolerate_all: parsed.string("errors.tolerance").eq_ignore_ascii_case("all"),
            retry_timeout: (timeout >= 0).then(|| ms(timeout)),
            retry_delay_max: ms(parsed.long("errors.retry.delay.max.ms")),
            log: parsed.boolean("errors.log.enable"),
            log_records: parsed.boolean("errors.log.include.messages"),
        }
    }

    /// Whether a bad record is skipped rather than failing its task.
    #[must_use]
    pub const fn tolerates(&self) -> bool {
        self.tolerate_all
    }
}

/// The error handling of one task.
pub struct ErrorHandling {
    settings: ErrorSettings,
    id: TaskId,
    control: TaskControl,
    progress: Arc<TaskProgress>,
}

impl ErrorHandling {
    /// Makes the error handling of task `id`.
    #[must_use]
    pub fn new(
        settings: ErrorSettings,
        id: TaskId,
        control: TaskControl,
        progress: Arc<TaskProgress>,
    ) -> Self {
        Self { settings, id, control, progress }
    }

    /// Whether a bad record is skipped rather than failing its task.
    #[must_use]
    pub const fn tolerates(&self) -> bool {
        self.settings.tolerate_all
    }

    /// Runs one operation on a record, again while its error is retriable and there is time.
    ///
    /// # Errors
    ///
    /// The last error.
    pub fn retrying<T>(&mut self, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
        let first = match operation() {
            Err(error) if error.is_retriable() => error,
            done => return done,
        };
        let deadline = self.settings.retry_timeout.map(|timeout| Instant::now() + timeout);
        let mut delay = FIRST_DELAY.min(self.settings.retry_delay_max);
        let mut error = first;
        loop {
            let out_of_time = deadline.is_some_and(|deadline| Instant::now() + delay > deadline);
            if out_of_time || self.control.is_stopping() {
                return Err(error);
            }
            tracing::warn!(task = %self.id, delay_ms = delay.as_millis(), "{error}; trying again");
            self.control.wait_until(Instant::now() + delay);
            error = match operation() {
                Err(error) if error.is_retriable() => error,
                done => return done,
            };
            delay = (delay * 2).min(self.settings.retry_delay_max);
        }
    }

    /// Tells whether an error only means that the task was told to stop while it tried again.
    #[must_use]
    pub fn is_interrupted(&self, error: &ConnectError) -> bool {
        error.is_retriable() && self.control.is_stopping()
    }

    /// Where the task counts.
    #[must_use]
    pub const fn progress(&self) -> &Arc<TaskProgress> {
        &self.progress
    }

    /// Decides on a failed record: returns when it is to be skipped.
    ///
    /// # Errors
    ///
    /// The task is to fail with this.
    pub fn tolerate(&self, failure: &mut Failure, record: &dyn fmt::Display) -> Result<()> {
        self.progress.add_error();
        let skipped = self.settings.tolerate_all && !failure.error.is_retriable();
        if self.settings.log || !skipped {
            self.log(failure, record);
        }
        if skipped {
            return Ok(());
        }
        let error = std::mem::replace(&mut failure.error, ConnectError::data(""));
        Err(exceeded(failure, error, record))
    }

    fn log(&self, failure: &Failure, record: &dyn fmt::Display) {
        let (id, stage, class) = (&self.id, failure.stage.name(), &failure.class);
        if self.settings.log_records {
            tracing::error!(
                "Error encountered in task {id}. Executing stage '{stage}' with class '{class}', \
                 where record is {record}: {}",
                failure.error.trace()
            );
        } else {
            tracing::error!(
                "Error encountered in task {id}. Executing stage '{stage}' with class '{class}': \
                 {}",
                failure.error.trace()
            );
        }
    }
}

/// The error that a task fails with: says which record, keeps the kind of retriable ones.
fn exceeded(failure: &Failure, error: ConnectError, record: &dyn fmt::Display) -> ConnectError {
    let stage = failure.stage.name();
    let text = format!("Tolerance exceeded in error handler: {stage} failed on {record}: {error}");
    ConnectError::fatal(text).because(error)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::super::control::TaskTarget;
    use super::*;
    use crate::connector_config;

    fn handling(runtime: &tokio::runtime::Runtime, settings: &[(&str, &str)]) -> ErrorHandling {
        let mut given = std::collections::BTreeMap::from([
            ("name".to_owned(), "c".to_owned()),
            ("connector.class".to_owned(), "x".to_owned()),
        ]);
        given.extend(settings.iter().map(|(key, value)| ((*key).into(), (*value).into())));
        let parsed = connector_config::SINK.parse(&given).unwrap();
        let (_, target) = watch::channel(TaskTarget::Running);
        ErrorHandling::new(
            ErrorSettings::of(&parsed),
            TaskId { connector: "c".into(), task: 0 },
            TaskControl::new(target, runtime.handle().clone()),
            Arc::default(),
        )
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    fn failure(error: ConnectError) -> Failure {
        Failure { stage: Stage::ValueConverter, class: "c.C".into(), error }
    }

    #[test]
    fn retriable_error_is_tried_again_until_it_passes() {
        let runtime = runtime();
        let mut handling = handling(
            &runtime,
            &[("errors.retry.timeout", "-1"), ("errors.retry.delay.max.ms", "1")],
        );
        let mut tries = 0;
        let result = handling.retrying(|| {
            tries += 1;
            if tries < 4 { Err(ConnectError::retriable("away")) } else { Ok(tries) }
        });
        assert_eq!(result.unwrap(), 4);
    }

    #[test]
    fn service_that_is_away_is_waited_for_unless_a_retry_timeout_is_set() {
        let runtime = runtime();
        let mut handling = handling(&runtime, &[("errors.retry.delay.max.ms", "1")]);
        let mut tries = 0;
        let result = handling.retrying(|| {
            tries += 1;
            if tries < 4 { Err(ConnectError::retriable("away")) } else { Ok(tries) }
        });
        assert_eq!(result.unwrap(), 4);
    }

    #[test]
    fn with_a_retry_timeout_of_0_there_is_one_try() {
        let runtime = runtime();
        let mut handling = handling(&runtime, &[("errors.retry.timeout", "0")]);
        let mut tries = 0;
        let result: Result<()> = handling.retrying(|| {
            tries += 1;
            Err(ConnectError::retriable("away"))
        });
        assert!(result.is_err());
        assert_eq!(tries, 1);
    }

    #[test]
    fn bad_record_fails_its_task_unless_all_errors_are_tolerated() {
        let runtime = runtime();
        let strict = handling(&runtime, &[]);
        let error =
            strict.tolerate(&mut failure(ConnectError::data("no JSON")), &"t-0 at 5").unwrap_err();
        assert!(error.to_string().contains("t-0 at 5"), "{error}");
        let lenient = handling(&runtime, &[("errors.tolerance", "all")]);
        lenient.tolerate(&mut failure(ConnectError::data("no JSON")), &"t-0 at 5").unwrap();
    }

    #[test]
    fn service_that_is_away_is_never_a_reason_to_skip_a_record() {
        let runtime = runtime();
        let lenient = handling(&runtime, &[("errors.tolerance", "all")]);
        let mut away = failure(ConnectError::retriable("registry away"));
        assert!(lenient.tolerate(&mut away, &"t-0 at 5").is_err());
    }
}
