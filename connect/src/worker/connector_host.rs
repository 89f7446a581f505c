//! One connector, hosted: its calls run on a blocking thread with a time limit, and a panic in
//! them is an error like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use connect_api::connector::{ConnectorContext, Settings};
use connect_api::{ConnectError, Result, SinkConnector, SinkTask, SourceConnector, SourceTask};

use super::task_thread::panic_text;
use crate::plugin::{Factory, Plugin, PluginKind};

/// Longest time for a connector's start, stop or validation.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// A connector of either kind.
pub enum Connector {
    /// Brings records in.
    Source(Box<dyn SourceConnector>),
    /// Takes records out.
    Sink(Box<dyn SinkConnector>),
}

/// A task of either kind.
pub enum Task {
    /// Brings records in.
    Source(Box<dyn SourceTask>),
    /// Takes records out.
    Sink(Box<dyn SinkTask>),
}

impl Connector {
    /// Makes a connector; none if the plug-in is something else.
    #[must_use]
    pub fn of(plugin: &Plugin) -> Option<Self> {
        match plugin.factory {
            Factory::Source(make) => Some(Self::Source(make())),
            Factory::Sink(make) => Some(Self::Sink(make())),
            _ => None,
        }
    }

    /// Source or sink.
    #[must_use]
    pub const fn kind(&self) -> PluginKind {
        match self {
            Self::Source(_) => PluginKind::Source,
            Self::Sink(_) => PluginKind::Sink,
        }
    }

    /// The connector's own settings.
    #[must_use]
    pub fn config(&self) -> &'static config::ConfigDef {
        match self {
            Self::Source(connector) => connector.config(),
            Self::Sink(connector) => connector.config(),
        }
    }

    /// Version.
    #[must_use]
    pub fn version(&self) -> String {
        match self {
            Self::Source(connector) => connector.version(),
            Self::Sink(connector) => connector.version(),
        }
    }

    /// Makes a task.
    #[must_use]
    pub fn task(&self) -> Task {
        match self {
            Self::Source(connector) => Task::Source(connector.task()),
            Self::Sink(connector) => Task::Sink(connector.task()),
        }
    }

    /// Splits the work.
    ///
    /// # Errors
    ///
    /// As the connector says, or when it panics.
    pub fn task_configs(&self, max_tasks: usize) -> Result<Vec<Settings>> {
        let call = || match self {
            Self::Source(connector) => connector.task_configs(max_tasks),
            Self::Sink(connector) => connector.task_configs(max_tasks),
        };
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
            let text = format!("connector panicked in task_configs: {}", panic_text(&*panic));
            Err(ConnectError::fatal(text))
        })
    }

    /// Starts the connector; hands it back if it started.
    ///
    /// # Errors
    ///
    /// As the connector says, or when it panics or takes too long.
    pub async fn start(
        mut self,
        context: Arc<dyn ConnectorContext>,
        settings: Settings,
    ) -> Result<Self> {
        hosted("start", async move {
            match &mut self {
                Self::Source(connector) => connector.start(context, &settings).await?,
                Self::Sink(connector) => connector.start(context, &settings).await?,
            }
            Ok(self)
        })
        .await
    }

    /// Checks settings beyond their definitions: one message per key.
    ///
    /// # Errors
    ///
    /// The connector panics or takes too long.
    pub async fn validate(self, settings: Settings) -> Result<Vec<(String, String)>> {
        hosted("validation", async move {
            Ok(match &self {
                Self::Source(connector) => connector.validate(&settings).await,
                Self::Sink(connector) => connector.validate(&settings).await,
            })
        })
        .await
    }

    /// Stops the connector, whatever it says.
    pub async fn stop(mut self) {
        let stopped = hosted("stop", async move {
            match &mut self {
                Self::Source(connector) => connector.stop().await,
                Self::Sink(connector) => connector.stop().await,
            }
            Ok(())
        });
        if let Err(error) = stopped.await {
            tracing::error!("{}", error.trace());
        }
    }
}

/// Runs a connector's call on a thread where it may block.
async fn hosted<T: Send + 'static>(
    what: &'static str,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let runtime = tokio::runtime::Handle::current();
    let thread = tokio::task::spawn_blocking(move || runtime.block_on(call));
    match tokio::time::timeout(CALL_LIMIT, thread).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(failure)) => {
            let text = match failure.try_into_panic() {
                Ok(panic) => format!("connector panicked in {what}: {}", panic_text(&*panic)),
                Err(_) => format!("{what} of the connector was cut off by the worker's end"),
            };
            Err(ConnectError::fatal(text))
        }
        Err(_) => {
            let seconds = CALL_LIMIT.as_secs();
            let text = format!("{what} of the connector took longer than {seconds} seconds");
            Err(ConnectError::fatal(text))
        }
    }
}
