//! Which package may depend on which, and which file may name what.
//!
//! The table is the one of `ARCHITECTURE.md`; a new arrow changes both in the same commit.
//! Dev-dependencies are free: tests may stand on anything.

use std::path::Path;

use anyhow::{Context, Result};

/// Package folder, package name, packages of ours that it may name.
const ALLOWED: [(&str, &str, &[&str]); 12] = [
    ("config", "config", &[]),
    ("protocol", "protocol", &[]),
    ("client", "client", &["config", "protocol"]),
    ("schema-registry/client", "schema-registry-client", &["config"]),
    ("connect/api", "connect-api", &["config"]),
    ("broker", "broker", &["config", "protocol"]),
    ("schema-registry", "schema-registry", &["config", "client", "schema-registry-client"]),
    ("connectors/file", "connector-file", &["config", "connect-api"]),
    (
        "connect",
        "connect",
        &[
            "config",
            "client",
            "schema-registry-client",
            "connect-api",
            "connector-file",
            "broker",
            "schema-registry",
        ],
    ),
    ("tests", "end-to-end", &["*"]),
    ("bench", "bench", &["*"]),
    ("xtask", "xtask", &[]),
];

/// Words that only one place may hold: the word, where it may stand, why.
const ONLY_IN: [(&str, &[&str], &str); 5] = [
    ("broker::", &["connect/src/embedded"], "the worker names the broker only to embed it"),
    ("schema_registry::", &["connect/src/embedded"], "as for the broker"),
    ("connector_file::", &["connect/src/plugin/builtin.rs"], "one file names what is built in"),
    ("rdkafka::", &["client/src"], "one package names librdkafka"),
    ("rdkafka_sys::", &["client/src"], "one package names librdkafka"),
];

/// Checks the manifests against the table and the sources against the single places.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (folder, package, allowed) in ALLOWED {
        let manifest = root.join(folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("read {folder}/Cargo.toml"))?;
        for dependency in dependencies(&text) {
            let ours = ALLOWED.iter().any(|(_, name, _)| *name == dependency);
            let fine = allowed.contains(&"*") || allowed.contains(&dependency);
            if ours && !fine {
                broken.push(format!("{folder}/Cargo.toml: {package} must not use {dependency}"));
            }
        }
    }
    for source in crate::tree::sources(root)? {
        broken.extend(check_source(&source.path, &source.text));
    }
    Ok(broken)
}

/// Names under `[dependencies]`, build and dev ones left out.
fn dependencies(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

fn check_source(path: &Path, text: &str) -> Vec<String> {
    let shown = path.to_string_lossy();
    let production = ["connect/src", "client/src", "schema-registry/src", "connectors"]
        .iter()
        .any(|folder| shown.starts_with(folder) && !shown.contains("/tests/"));
    if !production {
        return Vec::new();
    }
    let own = [("schema_registry::", "schema-registry/src")];
    let production = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    let code: Vec<&str> = production.filter(|line| !line.trim_start().starts_with("//")).collect();
    ONLY_IN
        .iter()
        .filter(|(word, places, _)| {
            let at_home = own.iter().any(|(w, home)| w == word && shown.starts_with(home));
            !at_home && !places.iter().any(|place| shown.starts_with(place))
        })
        .filter(|(word, _, _)| code.iter().any(|line| names(line, word)))
        .map(|(word, _, why)| format!("{shown}: names {word}; {why}"))
        .collect()
}

/// Tells whether a line holds the word at the start of a path, not inside a longer name.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|symbol| symbol.is_alphanumeric() || matches!(symbol, '_' | ':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_dependencies_count() {
        let manifest =
            "[dependencies]\na.workspace = true\nb = \"1\"\n\n[dev-dependencies]\nc = 1\n";
        assert_eq!(dependencies(manifest), ["a", "b"]);
    }

    #[test]
    fn the_worker_names_the_broker_in_one_file() {
        let line = "use broker::Broker;\n";
        assert!(check_source(Path::new("connect/src/embedded.rs"), line).is_empty());
        assert_eq!(check_source(Path::new("connect/src/worker/worker.rs"), line).len(), 1);
        let other = "use crate::schema_registry::x;\nlet a = my_broker::b();\n";
        assert!(check_source(Path::new("connect/src/worker/worker.rs"), other).is_empty());
    }
}
