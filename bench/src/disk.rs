//! What one flush costs on this disk: the floor under every durable acknowledgement.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::table::Table;

const ROUNDS: usize = 300;

/// Appends and flushes, for several sizes.
pub(crate) fn run() -> Result<Table> {
    let mut table = Table::new("Disk: append and fdatasync", &["bytes", "p50", "p99", "longest"]);
    for size in [4 << 10, 64 << 10, 1 << 20] {
        let directory = tempfile::tempdir_in(".")?;
        let mut file = std::fs::File::create(directory.path().join("log"))?;
        let bytes = vec![b'x'; size];
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            file.write_all(&bytes)?;
            file.sync_data()?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let at = |part: usize| format_time(times[(times.len() - 1) * part / 100]);
        table.row(&[size.to_string(), at(50), at(99), at(100)]);
    }
    Ok(table)
}

fn format_time(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}
