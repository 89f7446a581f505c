//! The program `broker`: reads a `server.properties`, serves until it is told to stop.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use broker::{Broker, BrokerConfig};
use clap::Parser;
use config::Properties;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code when the settings or the surroundings do not allow a start.
const CANNOT_START: u8 = 2;

/// A durable, partitioned log that speaks the Kafka protocol.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Settings under the names of Kafka's server.properties, for example config/server.properties.
    properties: PathBuf,
    /// A setting that takes precedence over the file; may be given several times.
    #[arg(long = "override", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
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
            eprintln!("broker: {error:#}");
            ExitCode::from(CANNOT_START)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = settings(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))
}

fn settings(arguments: &Arguments) -> anyhow::Result<BrokerConfig> {
    let path = &arguments.properties;
    let properties = Properties::load(path)?;
    if arguments.overrides.is_empty() {
        return BrokerConfig::from_properties(&properties)
            .with_context(|| path.display().to_string());
    }
    let mut map = properties.into_map();
    for setting in &arguments.overrides {
        let (key, value) = setting
            .split_once('=')
            .with_context(|| format!("--override {setting}: expected KEY=VALUE"))?;
        map.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(BrokerConfig::from_map(map)?)
}

async fn serve(config: BrokerConfig) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let broker = Broker::start(config).await?;
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("interrupted: the broker stops"),
        _ = terminate.recv() => tracing::info!("terminated: the broker stops"),
    }
    broker.shutdown().await.context("the last flush failed")
}
