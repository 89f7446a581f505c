//! Waiting for a condition with a deadline: no test sleeps for luck.

use std::time::{Duration, Instant};

/// How long a condition may take on a busy machine before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(10);

/// Returns what `condition` finds, or fails the test after [`DEADLINE`].
///
/// # Panics
///
/// When the deadline passes; the message names what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `condition` holds, or fails the test after [`DEADLINE`].
///
/// # Panics
///
/// When the deadline passes; the message names what was waited for.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
