//! The thread of one task: starts it, waits for its end, and turns its end into a status.
//!
//! A task may block as long as it likes without harm to others. A panic is caught and shows as a
//! failure of that task alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use connect_api::{ConnectError, Result};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::control::{TaskControl, TaskTarget};
use crate::status::{State, StatusStore, TaskId};

/// What a task thread needs beside the task.
#[derive(Clone)]
pub struct ThreadContext {
    /// Where waits and async calls run.
    pub runtime: Handle,
    /// Where the task's state is shown.
    pub status: Arc<StatusStore>,
    /// Values that must not show in a failure's text.
    pub secrets: Arc<[String]>,
}

/// A running task, as the worker holds it.
pub struct TaskHandle {
    id: TaskId,
    target: watch::Sender<TaskTarget>,
    finished: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl TaskHandle {
    /// Starts a thread that runs `body` to its end.
    ///
    /// # Errors
    ///
    /// The operating system gives no more threads.
    pub fn spawn(
        id: TaskId,
        context: ThreadContext,
        target: TaskTarget,
        body: impl FnOnce(TaskControl) -> Result<()> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = watch::channel(target);
        let (done, finished) = oneshot::channel();
        let control = TaskControl::new(receiver, context.runtime.clone());
        let thread_id = id.clone();
        let last_word = control.clone();
        let thread = std::thread::Builder::new().name(format!("task-{id}")).spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| body(control)));
            if !last_word.is_abandoned() {
                report(&thread_id, &context, outcome);
            }
            drop(done);
        })?;
        Ok(Self { id, target: sender, finished, thread })
    }

    /// Tells the task what to do; it follows between two batches.
    pub fn tell(&self, target: TaskTarget) {
        self.target.send_replace(target);
    }

    /// Waits for the task's end, which was asked for before; false when it does not come in time.
    ///
    /// A task that does not end is abandoned: its thread lives on until it returns.
    pub async fn join(mut self, deadline: Instant) -> bool {
        let ended = tokio::time::timeout_at(deadline.into(), &mut self.finished).await.is_ok();
        if !ended {
            self.tell(TaskTarget::Abandoned);
            tracing::error!(
                "Graceful stop of task {} failed: it does not return; its thread is abandoned",
                self.id
            );
            return false;
        }
        // The thread has nothing left to do but to return.
        if self.thread.join().is_err() {
            tracing::error!("thread of task {} ended in a panic", self.id);
        }
        true
    }
}

fn report(id: &TaskId, context: &ThreadContext, outcome: std::thread::Result<Result<()>>) {
    let error = match outcome {
        Ok(Ok(())) => {
            context.status.set_task(id, State::Unassigned, None);
            return;
        }
        Ok(Err(error)) => error,
        Err(panic) => ConnectError::fatal(format!("task panicked: {}", panic_text(&*panic))),
    };
    let secrets = context.secrets.iter().map(String::as_str);
    let trace = config::redact(&error.trace(), secrets);
    tracing::error!(
        "Task {id} threw an uncaught and unrecoverable exception. Task is being killed and will \
         not recover until manually restarted: {trace}"
    );
    context.status.set_task(id, State::Failed, Some(trace));
}

/// The words that a panic was raised with.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn context(secrets: &[&str]) -> ThreadContext {
        let status = Arc::new(StatusStore::new("localhost:8083"));
        status.set_connector(&"c".into(), State::Running, None);
        ThreadContext {
            runtime: Handle::current(),
            status,
            secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
        }
    }

    async fn run(
        context: &ThreadContext,
        body: impl FnOnce(TaskControl) -> Result<()> + Send + 'static,
    ) -> bool {
        let id = TaskId { connector: "c".into(), task: 0 };
        let handle = TaskHandle::spawn(id, context.clone(), TaskTarget::Running, body).unwrap();
        handle.tell(TaskTarget::Stopping);
        handle.join(Instant::now() + Duration::from_secs(5)).await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn panic_shows_as_the_failure_of_its_task() {
        let context = context(&[]);
        assert!(run(&context, |_| panic!("index out of range")).await);
        let status = context.status.task("c", 0).unwrap();
        assert_eq!(status.state, State::Failed);
        assert!(status.trace.unwrap().contains("task panicked: index out of range"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn secret_does_not_show_in_a_failure() {
        let context = context(&["hunter22"]);
        run(&context, |_| Err(ConnectError::fatal("login with hunter22 refused"))).await;
        let trace = context.status.task("c", 0).unwrap().trace.unwrap();
        assert!(!trace.contains("hunter22"), "{trace}");
        assert!(trace.contains("refused"), "{trace}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn task_that_stops_in_time_is_joined() {
        let context = context(&[]);
        let stopped = run(&context, |mut control| {
            while !control.is_stopping() {
                control.wait_until(Instant::now() + Duration::from_secs(5));
            }
            Ok(())
        });
        assert!(stopped.await);
        assert_eq!(context.status.task("c", 0).unwrap().state, State::Unassigned);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn task_that_does_not_stop_in_time_is_abandoned_and_leaves_its_status_alone() {
        let context = context(&[]);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (ended, end) = std::sync::mpsc::channel();
        let id = TaskId { connector: "c".into(), task: 0 };
        let body = move |control: TaskControl| {
            released.recv_timeout(Duration::from_secs(5)).unwrap();
            ended.send(control.is_stopping() && control.is_abandoned()).unwrap();
            Err(ConnectError::fatal("too late"))
        };
        let handle =
            TaskHandle::spawn(id.clone(), context.clone(), TaskTarget::Running, body).unwrap();
        handle.tell(TaskTarget::Stopping);
        context.status.set_task(&id, State::Running, None);
        assert!(!handle.join(Instant::now() + Duration::from_millis(10)).await);
        release.send(()).unwrap();
        assert!(end.recv_timeout(Duration::from_secs(5)).unwrap());
        assert_eq!(context.status.task("c", 0).unwrap().state, State::Running);
    }
}
