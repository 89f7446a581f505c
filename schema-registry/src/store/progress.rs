//! How far the topic has been read, for threads and tasks that wait for it.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::error::StoreError;

/// How far the topic has been read.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Offset behind the last record that the index knows.
    pub applied: i64,
    /// A record went to a place that was read before: the topic is another one.
    pub recreated: bool,
    /// How many times the topic was found to be another one, and read anew.
    pub restarts: u64,
    /// The topic is there and is being read.
    pub connected: bool,
    /// Everything that was there at the start has been read.
    pub ready: bool,
    /// Why reading does not get on; none when it does.
    pub trouble: Option<String>,
    /// The registry ends.
    pub closed: bool,
}

/// Tells threads and tasks how far the topic has been read.
#[derive(Debug)]
pub struct Progress {
    state: Mutex<State>,
    changed: Condvar,
    /// For tasks: counts changes of readiness, not of the offset.
    tasks: watch::Sender<State>,
}

impl Default for Progress {
    fn default() -> Self {
        let state = State::default();
        Self {
            tasks: watch::Sender::new(state.clone()),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl Progress {
    /// Changes the state and wakes those who wait.
    pub fn update(&self, change: impl FnOnce(&mut State)) {
        let (before, after) = {
            let mut state = self.state.lock();
            let before = (state.ready, state.closed, state.trouble.clone());
            change(&mut state);
            (before, state.clone())
        };
        self.changed.notify_all();
        if before != (after.ready, after.closed, after.trouble.clone()) {
            self.tasks.send_replace(after);
        }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.lock().clone()
    }

    /// Blocks until a condition holds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] when the registry ends, [`StoreError::NotReady`] at the deadline.
    pub fn wait_until(
        &self,
        deadline: Instant,
        holds: impl Fn(&State) -> bool,
    ) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(StoreError::Closed);
            }
            if holds(&state) {
                return Ok(());
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() && !holds(&state) {
                return Err(not_ready(&state));
            }
        }
    }

    /// Waits until everything that was there at the start has been read.
    ///
    /// # Errors
    ///
    /// As [`Progress::wait_until`].
    pub async fn ready(&self, deadline: Instant) -> Result<(), StoreError> {
        let mut tasks = self.tasks.subscribe();
        let wait = tasks.wait_for(|state| state.ready || state.closed);
        match tokio::time::timeout_at(deadline.into(), wait).await {
            Ok(Ok(state)) if state.ready && !state.closed => Ok(()),
            Ok(_) => Err(StoreError::Closed),
            Err(_) => Err(not_ready(&self.state())),
        }
    }
}

fn not_ready(state: &State) -> StoreError {
    let reason = match &state.trouble {
        Some(trouble) => trouble.clone(),
        None if state.connected => {
            format!("the topic is still being read, at offset {}", state.applied)
        }
        None => "Kafka has not answered yet".to_owned(),
    };
    StoreError::NotReady { reason }
}
