//! File → topic, topic → file, and both at once, in one process with String converters.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use client::{Admin, ClientSettings, OffsetAt, Role, TopicPartition};

use crate::program::{Program, write_embedded_worker};
use crate::table::Table;

/// Bytes of a line, its newline included.
const LINE: u64 = 100;

/// Moves a file of lines of 100 bytes in three ways.
pub(crate) fn run(megabytes: u64) -> Result<Table> {
    let mut table = Table::new(
        "Pipeline: lines of 100 bytes, String converters, embedded broker",
        &["from → to", "policy", "lines/s", "MB/s", "peak memory", "output"],
    );
    let lines = megabytes * 1_000_000 / LINE;
    for policy in ["ack", "os"] {
        let directory = tempfile::tempdir_in(".")?;
        let directory = directory.path();
        write_lines(&directory.join("in.txt"), lines)?;
        write_connectors(directory)?;
        let mut row = |name: &str, files: &[&str], done: &dyn Fn(&Path, u16) -> bool| {
            let extra = format!("embedded.broker.flush.policy={policy}\n");
            let (broker, _) = write_embedded_worker(directory, &extra)?;
            let mut arguments = vec!["worker.properties"];
            arguments.extend(files);
            let mut worker = Program::start("connect-standalone", &arguments, directory)?;
            worker.wait_for(name, || done(directory, broker))?;
            let time = worker.started.elapsed();
            let (_, peak) = worker.memory_mib();
            worker.stop()?;
            let output = directory.join("out.txt");
            let same = match fs::metadata(&output) {
                Ok(_) if same_bytes(&directory.join("in.txt"), &output)? => "identical",
                Ok(_) => bail!("{name}: the output differs from the input"),
                Err(_) => "",
            };
            table.row(&[
                name.to_owned(),
                policy.to_owned(),
                per_second(lines, time),
                per_second(lines * LINE / 1_000_000, time),
                format!("{peak} MiB"),
                same.to_owned(),
            ]);
            anyhow::Ok(())
        };
        row("file → topic", &["source.properties"], &|_, port| topic_holds(port, lines))?;
        let full = |directory: &Path, _| {
            fs::metadata(directory.join("out.txt")).is_ok_and(|found| found.len() >= lines * LINE)
        };
        row("topic → file", &["sink.properties"], &full)?;
        fs::remove_dir_all(directory.join("data"))?;
        fs::remove_file(directory.join("out.txt"))?;
        row("file → topic → file", &["source.properties", "sink.properties"], &full)?;
    }
    Ok(table)
}

fn write_lines(path: &Path, lines: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let width = usize::try_from(LINE - 2)?;
    for number in 0..lines {
        writeln!(out, "{number:>width$}.")?;
    }
    out.flush()?;
    Ok(())
}

fn write_connectors(directory: &Path) -> Result<()> {
    fs::write(
        directory.join("source.properties"),
        "name=source\nconnector.class=FileStreamSource\ntasks.max=1\nfile=in.txt\ntopic=lines\n",
    )?;
    fs::write(
        directory.join("sink.properties"),
        "name=sink\nconnector.class=FileStreamSink\ntasks.max=1\nfile=out.txt\ntopics=lines\n",
    )?;
    Ok(())
}

/// Tells whether the topic's end offset has reached the number of lines.
fn topic_holds(port: u16, lines: u64) -> bool {
    let names = BTreeMap::from([("bootstrap.servers".to_owned(), format!("localhost:{port}"))]);
    let end = || {
        let settings = ClientSettings::from_properties(Role::Admin, &names).ok()?;
        let admin = Admin::new(&settings).ok()?;
        let partition = TopicPartition::new("lines", 0);
        let time = Duration::from_secs(5);
        let ends = admin.offsets(std::slice::from_ref(&partition), OffsetAt::Latest, time).ok()?;
        ends.get(&partition).and_then(|end| u64::try_from(*end).ok())
    };
    std::thread::sleep(Duration::from_millis(20));
    end().is_some_and(|end| end >= lines)
}

fn same_bytes(left: &Path, right: &Path) -> Result<bool> {
    let (mut left, mut right) = (File::open(left)?, File::open(right)?);
    if left.metadata()?.len() != right.metadata()?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = left.read(&mut a)?;
        if count == 0 {
            return Ok(true);
        }
        right.read_exact(&mut b[..count])?;
        if a[..count] != b[..count] {
            return Ok(false);
        }
    }
}

fn per_second(count: u64, time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    (count * 1000 / ms).to_string()
}
