//! Start, life and end of the process `connect-standalone`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use config::Properties;
use tokio::runtime::Runtime;

use super::connector_files::ConnectorFile;
use super::error::StandaloneError;
use super::running::RunningStandalone;
use super::signals::Signals;
use crate::config::WorkerConfig;
use crate::console::first_screen::FirstScreen;
use crate::console::log;
use crate::console::reporter::{Reporter, Totals};
use crate::console::screen::Screen;
use crate::plugin::{PluginRegistry, builtin};

/// Exit code of a wrong command line, as in Kafka.
const USAGE: u8 = 1;
/// Signals within this time of the first are the same one.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
/// Most threads of the runtime: tasks have threads of their own.
const MAX_RUNTIME_THREADS: usize = 4;

/// Runs source and sink connectors on this machine.
#[derive(Debug, Parser)]
#[command(name = "connect-standalone", version, disable_help_subcommand = true)]
struct Arguments {
    /// Settings of the worker.
    #[arg(value_name = "worker.properties")]
    worker: PathBuf,
    /// Connectors to create: .properties, or .json.
    #[arg(value_name = "connector.properties|connector.json")]
    connectors: Vec<PathBuf>,
}

/// Runs the program to its end.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed output is no reason for another exit code.
            drop(error.print());
            return USAGE.into();
        }
    };
    let screen = Arc::new(Screen::default());
    log::start(&screen);
    let outcome = runtime().and_then(|runtime| {
        let outcome = runtime.block_on(run(&arguments, &screen, started));
        // A zombie task may sit in a blocking call; it must not hold up the end.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.log(format!("connect-standalone: {}\n", error.full_text()).as_bytes());
            error.exit_code().into()
        }
    }
}

/// Makes the runtime of REST, herder and embedded servers.
fn runtime() -> Result<Runtime, StandaloneError> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(2, MAX_RUNTIME_THREADS))
        .thread_name("runtime")
        .enable_all()
        .build();
    Ok(runtime?)
}

async fn run(
    arguments: &Arguments,
    screen: &Arc<Screen>,
    started: Instant,
) -> Result<(), StandaloneError> {
    tracing::info!("Kafka Connect worker initializing ...");
    let (config, warnings) = load(&arguments.worker)?;
    let mut files = Vec::new();
    for path in &arguments.connectors {
        files.push(ConnectorFile::read(path)?);
    }
    for warning in warnings {
        tracing::warn!("{}: {warning}", arguments.worker.display());
    }
    let mut signals = Signals::listen()?;
    let mut first = first_screen(&config);
    let plugins = builtin::registry();
    let names = connector_names(&files, &plugins);
    tracing::info!("Kafka version: 4.0.0 (Watershed {})", env!("CARGO_PKG_VERSION"));
    let running = tokio::select! {
        running = RunningStandalone::start(config, plugins) => running?,
        () = signals.wait() => return Ok(()),
    };
    let ms = started.elapsed().as_millis();
    tracing::info!("Kafka Connect worker initialization took {ms}ms");
    tracing::info!("REST server listening at {0}, advertising URL {0}/", first.rest);
    tracing::info!("REST resources initialized; server is started and ready to handle requests");
    let created = tokio::select! {
        created = running.create(files) => created,
        () = signals.wait() => {
            running.shutdown().await;
            return Ok(());
        }
    };
    if let Err(error) = created {
        running.shutdown().await;
        return Err(error);
    }
    tracing::info!("Kafka Connect started");
    first.connectors = names;
    screen.print(&first.lines());
    let reporter = Reporter::start(Arc::clone(screen), running.herder().clone())?;
    signals.wait().await;
    end(running, reporter.stop(), signals).await;
    Ok(())
}

/// Ends everything; a second signal, a moment later, ends the process at once.
async fn end(running: RunningStandalone, totals: Totals, mut signals: Signals) {
    tracing::info!("Kafka Connect stopping");
    tokio::spawn(async move {
        // Some parents pass a signal on that the terminal has sent already.
        tokio::time::sleep(SAME_SIGNAL).await;
        while tokio::time::timeout(Duration::ZERO, signals.wait()).await.is_ok() {}
        signals.wait().await;
        std::process::exit(i32::from(USAGE));
    });
    running.shutdown().await;
    totals.print();
    tracing::info!("Kafka Connect stopped");
}

fn load(path: &Path) -> Result<(WorkerConfig, Vec<String>), StandaloneError> {
    let properties = Properties::load(path)?;
    WorkerConfig::standalone(&properties)
        .map_err(|source| StandaloneError::Config { path: path.into(), source })
}

fn first_screen(config: &WorkerConfig) -> FirstScreen {
    let rest: Vec<String> = config.listeners.iter().map(ToString::to_string).collect();
    FirstScreen {
        program: "connect-standalone",
        brokers: config.bootstrap_servers.join(","),
        registry: config.schema_registry_url.clone(),
        rest: rest.join(", "),
        data: config.embedded.as_ref().map(|embedded| embedded.data_dir.display().to_string()),
        offsets: config.offsets_file.display().to_string(),
        connectors: Vec::new(),
    }
}

fn connector_names(files: &[ConnectorFile], plugins: &PluginRegistry) -> Vec<String> {
    let kind = |file: &ConnectorFile| {
        let class = file.config.get("connector.class").map_or("", |class| class.trim());
        plugins.connector(class).map_or("unknown", |plugin| plugin.kind().name())
    };
    files.iter().map(|file| format!("{} ({})", file.name, kind(file))).collect()
}
