//! Benchmarks: each starts our programs as processes, as a user does, and prints one table.
//!
//! `scripts/bench` builds the programs for release and runs them all. `--peer DIR` adds Apache
//! Kafka from a folder of its jars, on the same machine in the same run.
//!
//! | module | measures |
//! |---|---|
//! | [`disk`] | what one `fdatasync` costs here |
//! | [`log`] | produce and consume through librdkafka, by record size, acks and flush policy |
//! | [`pipeline`] | file → topic, topic → file, and both at once; peak memory |
//! | [`registry`] | GET and POST requests per second |
//! | [`startup`] | process start to REST ready and to the first line; idle memory |

mod disk;
mod kafka;
mod log;
mod pipeline;
mod program;
mod registry;
mod startup;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

/// Prints tables of what the programs do on this machine.
#[derive(Parser)]
struct Arguments {
    /// What to measure; everything when none is named.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Megabytes that flow through each log and pipeline measurement.
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// Folder with Apache Kafka's jars, to measure it in the same run.
    #[arg(long)]
    peer: Option<PathBuf>,
}

/// One group of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Disk,
    Log,
    Pipeline,
    Registry,
    Startup,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    if wanted(Part::Disk) {
        disk::run()?.print();
    }
    if wanted(Part::Startup) {
        startup::run()?.print();
    }
    if wanted(Part::Log) {
        log::run(arguments.megabytes, arguments.peer.as_deref())?.print();
    }
    if wanted(Part::Pipeline) {
        pipeline::run(arguments.megabytes)?.print();
    }
    if wanted(Part::Registry) {
        registry::run()?.print();
    }
    Ok(())
}
