//! Registry requests per second, over kept-alive connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::program::{Program, free_port, write_broker};
use crate::table::Table;

const CONNECTIONS: u64 = 32;
const TIME: Duration = Duration::from_secs(3);

/// What one request asks for; the number makes it one of many.
type Request = fn(&reqwest::Client, &str, u64) -> reqwest::RequestBuilder;

/// Measures reads by id, look-ups and registrations of new schemas.
pub(crate) fn run() -> Result<Table> {
    let mut table = Table::new(
        "Schema registry on its own broker: 32 connections",
        &["request", "requests/s", "p50", "p99"],
    );
    let directory = tempfile::tempdir_in(".")?;
    let port = write_broker(directory.path(), "")?;
    let mut broker = Program::start("broker", &["server.properties"], directory.path())?;
    broker.wait_for_port(port)?;
    let registry = free_port()?;
    std::fs::write(
        directory.path().join("registry.properties"),
        format!(
            "listeners=http://localhost:{registry}\n\
             kafkastore.bootstrap.servers=PLAINTEXT://localhost:{port}\n"
        ),
    )?;
    let mut program =
        Program::start("schema-registry", &["registry.properties"], directory.path())?;
    program.wait_for_port(registry)?;
    let url = format!("http://localhost:{registry}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cases: [(&str, Request); 4] = [
        ("POST /subjects/{s}/versions, the same schema", |client, url, _| register(client, url, 0)),
        ("POST /subjects/{s}/versions, a new schema each", |client, url, number| {
            register(client, url, number + 1)
        }),
        ("GET /schemas/ids/{id}", |client, url, _| client.get(format!("{url}/schemas/ids/1"))),
        ("GET /subjects/{s}/versions/latest", |client, url, _| {
            client.get(format!("{url}/subjects/s0/versions/latest"))
        }),
    ];
    for (name, request) in cases {
        let mut times = runtime.block_on(load(&url, request))?;
        times.sort_unstable();
        let at = |part: usize| {
            let time = times.get((times.len().max(1) - 1) * part / 100).copied();
            format!("{:.2} ms", time.unwrap_or_default().as_secs_f64() * 1000.0)
        };
        let rate = times.len() / usize::try_from(TIME.as_secs())?;
        table.row(&[name.to_owned(), rate.to_string(), at(50), at(99)]);
    }
    program.stop()?;
    broker.stop()?;
    Ok(table)
}

fn register(client: &reqwest::Client, url: &str, number: u64) -> reqwest::RequestBuilder {
    let schema = serde_json::json!({
        "type": "record", "name": format!("R{number}"),
        "fields": [{"name": "id", "type": "long"}, {"name": "text", "type": "string"}],
    });
    let body = serde_json::json!({"schema": schema.to_string()}).to_string();
    client
        .post(format!("{url}/subjects/s{number}/versions"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .body(body)
}

async fn load(url: &str, request: Request) -> Result<Vec<Duration>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let next = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + TIME;
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, url, next) = (client.clone(), url.to_owned(), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let start = Instant::now();
                let response = request(&client, &url, number).send().await?;
                let status = response.status();
                let text = response.text().await?;
                if !status.is_success() {
                    bail!("{status}: {text}");
                }
                times.push(start.elapsed());
            }
            Ok(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.context("a connection's task")??);
    }
    Ok(times)
}
