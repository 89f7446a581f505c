//! `cargo xtask check`: the rules of this repository that a compiler does not know.
//!
//! | module | checks |
//! |---|---|
//! | [`tree`] | file sizes, file headers, folder sizes |
//! | [`imports`] | which package may depend on which |
//! | [`wording`] | no machine's paths, no open ends in the sources |

mod imports;
mod tree;
mod wording;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// What to do.
#[derive(Subcommand)]
enum Task {
    /// Format, lint, sizes, headers, imports, wording; shipped files parse, docs are current.
    Check,
    /// Only what needs no compiler: sizes, headers, imports, wording.
    Tree,
    /// Write docs/config.md and docs/api-versions.md anew.
    Docs,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.task {
        Task::Check => check(),
        Task::Tree => tree_rules(),
        Task::Docs => docs(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"], &[])?;
    tree_rules()?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    cargo(&clippy, &[])?;
    cargo(&SHIPPED, &[])
}

/// The test that reads every shipped file through its definitions, and that makes the tables of
/// `docs/` from them.
const SHIPPED: [&str; 6] = ["test", "--package", "end-to-end", "--locked", "--test", "docs"];

fn tree_rules() -> Result<()> {
    let root = root();
    let mut broken = Vec::new();
    let sources = tree::sources(&root)?;
    for source in &sources {
        broken.extend(tree::check_file(source));
        broken.extend(wording::check_file(source));
    }
    broken.extend(tree::check_folders(&sources));
    broken.extend(imports::check(&root)?);
    if broken.is_empty() {
        println!("checked {} files: sizes, headers, folders, imports, wording", sources.len());
        return Ok(());
    }
    for line in &broken {
        eprintln!("{line}");
    }
    bail!("{} broken rules", broken.len())
}

fn docs() -> Result<()> {
    cargo(&SHIPPED, &[("UPDATE_GOLDEN", "1")])
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .with_context(|| format!("cargo {}", arguments.join(" ")))?;
    if !status.success() {
        bail!("cargo {} failed", arguments.join(" "));
    }
    Ok(())
}
