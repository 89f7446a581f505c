//! Other people's clients: kcat, curl's job over HTTP, and Python's Kafka libraries.
//!
//! `scripts/test` installs them. A missing one fails the test; it is never skipped.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::process::repository;

/// Runs kcat against a broker and returns its standard output.
///
/// # Panics
///
/// When kcat is missing or fails; the message holds what it said.
#[track_caller]
#[must_use]
pub fn kcat(bootstrap: &str, arguments: &[&str], input: Option<&str>) -> String {
    let mut command = Command::new("timeout");
    command.args(["60", "kcat", "-b", bootstrap]).args(arguments);
    run(command, input, "kcat")
}

/// Runs a script of `tests/clients/` with the Python that has the Kafka libraries.
///
/// # Panics
///
/// When Python is missing or the script fails; the message holds what it said.
#[track_caller]
#[must_use]
pub fn python(script: &str, arguments: &[&str]) -> String {
    let fallback = || repository().join(".cache/python/bin/python");
    let program = std::env::var_os("WATERSHED_PYTHON").map_or_else(fallback, PathBuf::from);
    assert!(program.exists(), "no Python environment; scripts/test installs it");
    let mut command = Command::new("timeout");
    command.arg("300").arg(program).arg("-W").arg("ignore");
    command.arg(repository().join("tests/clients").join(script)).args(arguments);
    run(command, None, script)
}

#[track_caller]
fn run(mut command: Command, input: Option<&str>, name: &str) -> String {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("start {name}: {error}"));
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        pipe.write_all(input.as_bytes()).expect("the client reads its input");
    }
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the client ends");
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{name} failed ({status})\n{stdout}\n{stderr}");
    stdout
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime for HTTP requests")
    })
}

/// Sends one HTTP request; none when nothing answers.
///
/// # Panics
///
/// When the method is not HTTP's.
#[must_use]
pub fn request(method: &str, url: &str, body: Option<&str>) -> Option<(u16, String)> {
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method of HTTP");
    let body = body.map(str::to_owned);
    let url = url.to_owned();
    let answer = async move {
        let client =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().ok()?;
        let mut request = client.request(method, url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.text().await.ok()?))
    };
    runtime().block_on(answer)
}

/// Sends a GET request; none when nothing answers.
#[must_use]
pub fn get(url: &str) -> Option<(u16, String)> {
    request("GET", url, None)
}

/// Sends a request whose answer must be JSON of the given status.
///
/// # Panics
///
/// When nothing answers, the status is another, or the body is not JSON.
#[track_caller]
#[must_use]
pub fn json(method: &str, url: &str, body: Option<&str>, status: u16) -> serde_json::Value {
    let (found, text) =
        request(method, url, body).unwrap_or_else(|| panic!("{method} {url}: no answer"));
    assert_eq!(found, status, "{method} {url}: {text}");
    if text.is_empty() {
        return serde_json::Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {url}: {error}: {text}"))
}
