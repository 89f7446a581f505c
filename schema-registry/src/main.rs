//! The program `schema-registry`: reads a `schema-registry.properties`, serves until it is told to stop.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use config::Properties;
use schema_registry::{RegistryConfig, SchemaRegistry};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code when the settings or the surroundings do not allow a start.
const CANNOT_START: u8 = 2;
/// Threads of the runtime: requests are short, and reading and writing have threads of their own.
const RUNTIME_THREADS: usize = 2;

/// A schema registry that keeps its schemas in Kafka.
#[derive(Debug, Parser)]
#[command(name = "schema-registry", version, about)]
struct Arguments {
    /// Settings under Confluent's names, for example config/schema-registry.properties.
    properties: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("schema-registry: {error:#}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let path = &arguments.properties;
    let properties = Properties::load(path)?;
    let config =
        RegistryConfig::from_properties(&properties).with_context(|| path.display().to_string())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()?;
    runtime.block_on(serve(config))
}

async fn serve(config: RegistryConfig) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let registry = SchemaRegistry::start(config).await?;
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("interrupted: the registry stops"),
        _ = terminate.recv() => tracing::info!("terminated: the registry stops"),
    }
    registry.shutdown().await;
    Ok(())
}
