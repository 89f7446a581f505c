//! `connect-distributed worker.properties`: checks the file, and says that this mode is to come.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use config::Properties;

/// Exit code of a wrong command line, as in Kafka.
const USAGE: u8 = 1;
/// Exit code of a worker that does not start, as in Kafka.
const NOT_STARTED: u8 = 2;

/// Runs connectors in a group of workers: not offered yet.
#[derive(Debug, Parser)]
#[command(name = "connect-distributed", version)]
struct Arguments {
    /// Settings of the worker.
    #[arg(value_name = "worker.properties")]
    worker: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed output is no reason for another exit code.
            drop(error.print());
            return USAGE.into();
        }
    };
    match check(&arguments) {
        Ok(warnings) => {
            for warning in warnings {
                eprintln!("connect-distributed: warning: {warning}");
            }
            eprintln!(
                "connect-distributed: {} is valid, but distributed mode is not offered yet; run \
                 connect-standalone instead",
                arguments.worker.display()
            );
        }
        Err(error) => eprintln!("connect-distributed: {error}"),
    }
    NOT_STARTED.into()
}

fn check(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let properties = Properties::load(&arguments.worker)?;
    Ok(connect::config::check_distributed(&properties)?)
}
