//! How the herder tells a running task to pause, go on or end, and how the task waits for it.

use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// What a task is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskTarget {
    /// Move records.
    Running,
    /// Wait.
    Paused,
    /// End.
    Stopping,
    /// End, and leave status and offsets alone: another task may have taken the place.
    Abandoned,
}

/// The task's end: read between batches, waited for inside of waits.
#[derive(Debug, Clone)]
pub struct TaskControl {
    target: watch::Receiver<TaskTarget>,
    runtime: Handle,
}

impl TaskControl {
    /// Makes the task's end of `target`; waits run on `runtime`.
    #[must_use]
    pub fn new(target: watch::Receiver<TaskTarget>, runtime: Handle) -> Self {
        Self { target, runtime }
    }

    /// What the task is to do now.
    #[must_use]
    pub fn target(&self) -> TaskTarget {
        *self.target.borrow()
    }

    /// Tells whether the task is to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self.target(), TaskTarget::Stopping | TaskTarget::Abandoned)
    }

    /// Tells whether nobody waits for the task's end any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.target() == TaskTarget::Abandoned
    }

    /// Runs a future to its end on this thread.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs a future until it ends, the target changes or the deadline passes; none then.
    pub fn block_on_until<F: Future>(&mut self, future: F, deadline: Instant) -> Option<F::Output> {
        let target = &mut self.target;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                output = future => Some(output),
                changed = target.changed() => {
                    if changed.is_err() {
                        // The worker is gone; wait for the deadline rather than spin.
                        tokio::time::sleep_until(deadline.into()).await;
                    }
                    None
                }
                () = tokio::time::sleep_until(deadline.into()) => None,
            }
        })
    }

    /// Waits until the target changes or the deadline passes.
    pub fn wait_until(&mut self, deadline: Instant) {
        self.block_on_until(std::future::pending::<()>(), deadline);
    }
}
