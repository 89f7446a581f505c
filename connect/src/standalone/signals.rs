//! The signals that end the program: Ctrl-C, a request to end, and a terminal that is closed.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What this process does with each signal, on Linux.
const STATUS: &str = "/proc/self/status";

/// The signals, listened to from when this is made.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None under `nohup`, which means that a closed terminal is to end nothing.
    hangup: Option<Signal>,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(super) fn listen() -> io::Result<Self> {
        let ignored = std::fs::read_to_string(STATUS).map_or(true, |text| ignores_hangup(&text));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if ignored { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next one.
    pub(super) async fn wait(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let closed = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = closed => {}
        }
    }
}

/// Tells from the mask of ignored signals whether the first one, a closed terminal, is in it.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_terminal_is_ignored_as_the_parent_says() {
        assert!(ignores_hangup("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"));
        assert!(!ignores_hangup("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t1\n"));
        assert!(!ignores_hangup(""));
    }
}
