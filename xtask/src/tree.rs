//! Sizes and headers: what keeps the tree readable for a stranger.
//!
//! A source file has at most 600 lines before its tests and opens with a `//!` header; `mod.rs`
//! holds only its header, declarations and re-exports; a folder has at most 20 siblings, unless
//! its files are named by the wire's own API names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const MAX_LINES: usize = 600;
const MAX_SIBLINGS: usize = 20;
/// Folders with one file per Kafka API: the protocol decides how many.
const NAMED_BY_THE_WIRE: [&str; 2] = ["broker/src/handlers", "protocol/src/messages"];

/// A Rust source file of the repository.
pub(crate) struct Source {
    /// Path from the repository's root.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    fn is_production(&self) -> bool {
        !self.path.components().any(|part| {
            matches!(part.as_os_str().to_str(), Some("tests" | "benches" | "examples" | "testdata"))
        })
    }
}

/// Reads every Rust file that git knows or would add.
pub(crate) fn sources(root: &Path) -> Result<Vec<Source>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    if !listed.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr));
    }
    let mut sources = Vec::new();
    for path in String::from_utf8(listed.stdout).context("file names")?.lines() {
        let path = PathBuf::from(path);
        if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
            sources.push(Source { path, text });
        }
    }
    Ok(sources)
}

/// Checks one file's header and size.
pub(crate) fn check_file(source: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    let path = source.path.display();
    if !source.text.starts_with("//!") {
        broken.push(format!("{path}: opens without a //! header that says what it is"));
    }
    let lines = lines_before_tests(&source.text);
    if source.is_production() && lines > MAX_LINES {
        broken.push(format!("{path}: {lines} lines before its tests, at most {MAX_LINES}"));
    }
    if source.path.ends_with("mod.rs") && source.is_production() {
        let code = source.text.lines().find(|line| {
            ["fn ", "pub fn ", "struct ", "pub struct ", "impl ", "enum ", "pub enum "]
                .iter()
                .any(|start| line.starts_with(start))
        });
        if let Some(line) = code {
            broken.push(format!("{path}: mod.rs holds code: {line}"));
        }
    }
    broken
}

fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

/// Checks how many siblings each folder of sources has.
pub(crate) fn check_folders(sources: &[Source]) -> Vec<String> {
    let mut siblings: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for source in sources {
        if let Some(parent) = source.path.parent() {
            siblings.entry(parent).or_default().push(&source.path);
        }
    }
    siblings
        .iter()
        .filter(|(folder, _)| !NAMED_BY_THE_WIRE.iter().any(|named| folder.ends_with(named)))
        .filter(|(_, files)| files.len() > MAX_SIBLINGS)
        .map(|(folder, files)| {
            format!("{}: {} files, at most {MAX_SIBLINGS}", folder.display(), files.len())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<String> {
        check_file(&Source { path: path.into(), text: text.into() })
    }

    #[test]
    fn header_is_required() {
        assert_eq!(broken("a/src/x.rs", "//! What it is.\n"), Vec::<String>::new());
        assert_eq!(broken("a/src/x.rs", "fn x() {}\n").len(), 1);
    }

    #[test]
    fn tests_do_not_count_as_lines() {
        let long = format!("//! X.\n{}", "// line\n".repeat(600));
        assert_eq!(broken("a/src/x.rs", &long).len(), 1);
        let tested = format!("//! X.\n{}#[cfg(test)]\n{}", "//\n".repeat(500), "//\n".repeat(500));
        assert!(broken("a/src/x.rs", &tested).is_empty());
    }

    #[test]
    fn mod_rs_holds_no_code() {
        assert_eq!(broken("a/src/mod.rs", "//! X.\nmod y;\nfn z() {}\n").len(), 1);
    }
}
