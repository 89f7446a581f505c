//! Process start to REST ready, to the first line in the sink file; memory when idle.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use crate::program::{Program, write_embedded_worker};
use crate::table::Table;

const ROUNDS: usize = 5;

/// Starts the main job on fresh and on existing data.
pub(crate) fn run() -> Result<Table> {
    let mut table = Table::new(
        "Start-up of connect-standalone with embedded broker and registry (best of 5)",
        &["data", "REST ready", "first line in the sink file", "resident when idle"],
    );
    for fresh in [true, false] {
        let mut best: Option<(Duration, Duration, u64)> = None;
        let kept = tempfile::tempdir_in(".")?;
        for round in 0..=ROUNDS {
            let new;
            let directory = if fresh {
                new = tempfile::tempdir_in(".")?;
                new.path()
            } else {
                kept.path()
            };
            let measured = once(directory, round)?;
            // The first round of the second case makes the data that the others start on.
            if fresh || round > 0 {
                best = Some(match best {
                    None => measured,
                    Some(best) => {
                        (best.0.min(measured.0), best.1.min(measured.1), best.2.min(measured.2))
                    }
                });
            }
        }
        let (ready, line, memory) = best.unwrap_or_default();
        table.row(&[
            if fresh { "none yet" } else { "of an earlier run" }.to_owned(),
            format!("{:.0} ms", ready.as_secs_f64() * 1000.0),
            format!("{:.0} ms", line.as_secs_f64() * 1000.0),
            format!("{memory} MiB"),
        ]);
    }
    Ok(table)
}

fn once(directory: &std::path::Path, round: usize) -> Result<(Duration, Duration, u64)> {
    use std::io::Write;
    let line = format!("line {round}\n");
    let mut input = fs::File::options().create(true).append(true).open(directory.join("in.txt"))?;
    input.write_all(line.as_bytes())?;
    fs::write(
        directory.join("source.properties"),
        "name=source\nconnector.class=FileStreamSource\ntasks.max=1\nfile=in.txt\ntopic=lines\n",
    )?;
    fs::write(
        directory.join("sink.properties"),
        "name=sink\nconnector.class=FileStreamSink\ntasks.max=1\nfile=out.txt\ntopics=lines\n",
    )?;
    let (_, rest) = write_embedded_worker(directory, "")?;
    let files = ["worker.properties", "source.properties", "sink.properties"];
    let mut worker = Program::start("connect-standalone", &files, directory)?;
    worker.wait_for("REST", || answers(rest))?;
    let ready = worker.started.elapsed();
    let out = directory.join("out.txt");
    worker.wait_for("the line", || fs::read_to_string(&out).is_ok_and(|t| t.ends_with(&line)))?;
    let first_line = worker.started.elapsed();
    std::thread::sleep(Duration::from_secs(2));
    let (resident, _) = worker.memory_mib();
    worker.stop()?;
    Ok((ready, first_line, resident))
}

/// Tells whether `GET /connectors` is answered with 200.
fn answers(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = "GET /connectors HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
