//! The log: lines on standard error, above the live lines. `RUST_LOG` sets what is logged; without
//! it INFO, or WARN when a person watches live lines.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::screen::Screen;

/// Begins to log. Only the first call in a process has an effect.
pub fn start(screen: &Arc<Screen>) {
    let default = if screen.is_terminal() { "warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_thread_names(true)
        .with_writer(LogWriter(Arc::clone(screen)))
        .try_init();
    // A second call finds a log that is there already.
    drop(started);
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}

struct LogWriter(Arc<Screen>);

/// Collects one line, and writes it whole.
struct Line {
    screen: Arc<Screen>,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { screen: Arc::clone(&self.0), bytes: Vec::new() }
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.screen.log(&self.bytes);
    }
}
