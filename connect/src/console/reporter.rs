//! The thread that keeps the live lines up to date: redrawn every second on a terminal, one plain
//! line per connector every ten seconds otherwise. None while a connector writes its records to
//! standard output: redrawing would erase them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::live_line::{self, LiveLine};
use super::screen::Screen;
use crate::herder::StandaloneHerder;
use crate::plugin::builtin;
use crate::progress::ConnectorProgress;

const ON_TERMINAL: Duration = Duration::from_secs(1);
const PLAIN: Duration = Duration::from_secs(10);
/// Most live lines on a terminal.
const MAX_LINES: usize = 20;

/// The running thread.
pub struct Reporter {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    screen: Arc<Screen>,
    herder: StandaloneHerder,
}

impl Reporter {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system gives no more threads.
    pub fn start(screen: Arc<Screen>, herder: StandaloneHerder) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let (drawn, known) = (Arc::clone(&screen), herder.clone());
        let thread = std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            let interval = if drawn.is_terminal() { ON_TERMINAL } else { PLAIN };
            let mut before = Snapshot::take(&known);
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let now = Snapshot::take(&known);
                let lines = now.lines(&before);
                if drawn.is_terminal() {
                    drawn.set_live(lines);
                } else {
                    drawn.print(&lines);
                }
                before = now;
            }
        })?;
        Ok(Self { stop, thread, screen, herder })
    }

    /// Ends the thread; returns the totals, to be printed once the tasks have ended.
    #[must_use]
    pub fn stop(self) -> Totals {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the console's thread panicked");
        }
        self.screen.set_live(Vec::new());
        Totals { screen: self.screen, herder: self.herder }
    }
}

/// Prints what every connector has done.
pub struct Totals {
    screen: Arc<Screen>,
    herder: StandaloneHerder,
}

impl Totals {
    /// Prints one line per connector.
    pub fn print(&self) {
        let progress = &self.herder.shared().progress;
        let view = self.herder.view();
        let lines: Vec<String> =
            view.keys().map(|name| live_line::total(name, &progress.connector(name))).collect();
        self.screen.print(&lines);
    }
}

struct Snapshot {
    at: Instant,
    has_records_on_screen: bool,
    connectors: BTreeMap<Arc<str>, (&'static str, ConnectorProgress)>,
}

impl Snapshot {
    fn take(herder: &StandaloneHerder) -> Self {
        let state = |name: &str| herder.status(name).map_or("UNASSIGNED", |status| worst(&status));
        let view = herder.view();
        let connectors = view.keys().map(|name| {
            (Arc::clone(name), (state(name), herder.shared().progress.connector(name)))
        });
        let plugins = &herder.shared().plugins;
        let has_records_on_screen = view
            .values()
            .any(|connector| builtin::writes_to_standard_output(plugins, &connector.config));
        Self { at: Instant::now(), has_records_on_screen, connectors: connectors.collect() }
    }

    fn lines(&self, before: &Self) -> Vec<String> {
        if self.has_records_on_screen {
            return Vec::new();
        }
        let width = self.connectors.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        let nothing = ConnectorProgress::default();
        let mut lines: Vec<String> = self
            .connectors
            .iter()
            .take(MAX_LINES)
            .map(|(name, (state, now))| {
                let before_line = before.connectors.get(name).map(|(_, progress)| progress);
                let line = LiveLine {
                    name,
                    state,
                    now,
                    before: before_line.unwrap_or(&nothing),
                    elapsed: self.at.saturating_duration_since(before.at),
                };
                line.text(width)
            })
            .collect();
        if self.connectors.len() > MAX_LINES {
            lines.push(format!("and {} more connectors", self.connectors.len() - MAX_LINES));
        }
        lines
    }
}

/// FAILED when the connector or any of its tasks has failed, else the connector's state.
fn worst(status: &crate::status::ConnectorStatus) -> &'static str {
    use crate::status::State;
    let failed = status.tasks.values().any(|task| task.state == State::Failed);
    if failed { State::Failed.name() } else { status.connector.state.name() }
}
