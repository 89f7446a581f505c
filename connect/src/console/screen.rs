//! The terminal: live lines at the bottom are redrawn in place, everything else scrolls above.
//!
//! Without a terminal nothing is ever redrawn. Write errors are ignored: a closed terminal or
//! pipe must not end the worker.

use std::io::{IsTerminal, Write};

use parking_lot::Mutex;

const ERASE_LINE: &str = "\x1b[2K";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Standard output, and standard error when both are the same terminal.
pub struct Screen {
    terminal: bool,
    live: Mutex<Vec<String>>,
}

impl Default for Screen {
    fn default() -> Self {
        Self { terminal: std::io::stdout().is_terminal(), live: Mutex::default() }
    }
}

impl Screen {
    /// Whether live lines are redrawn in place.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes lines to standard output, above the live lines.
    pub fn print(&self, lines: &[String]) {
        let live = self.live.lock();
        let mut text = self.erased(&live);
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        self.draw_into(&mut text, &live);
        write_out(&text);
    }

    /// Writes bytes of the log to standard error, above the live lines.
    pub fn log(&self, bytes: &[u8]) {
        let live = self.live.lock();
        if self.terminal && !live.is_empty() {
            write_out(&self.erased(&live));
        }
        // A closed standard error is no reason to stop.
        drop(std::io::stderr().write_all(bytes));
        if self.terminal && !live.is_empty() {
            let mut text = String::new();
            self.draw_into(&mut text, &live);
            write_out(&text);
        }
    }

    /// Replaces the live lines.
    pub fn set_live(&self, lines: Vec<String>) {
        let mut live = self.live.lock();
        let mut text = self.erased(&live);
        *live = lines;
        self.draw_into(&mut text, &live);
        write_out(&text);
    }

    fn erased(&self, live: &[String]) -> String {
        if !self.terminal || live.is_empty() {
            return String::new();
        }
        let mut text = format!("\x1b[{}A", live.len());
        for _ in live {
            text.push_str(ERASE_LINE);
            text.push('\n');
        }
        text.push_str(&format!("\x1b[{}A", live.len()));
        text
    }

    fn draw_into(&self, text: &mut String, live: &[String]) {
        if !self.terminal || live.is_empty() {
            return;
        }
        text.push_str(NO_WRAP);
        for line in live {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(WRAP);
    }
}

fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed standard output is no reason to stop.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
