//! What to start and stop so that what runs becomes what is wanted. Pure.
//!
//! The herder executes the first actions of a plan, looks at what runs then, and plans again
//! until nothing is left to do; so each action only needs to be right, not complete.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The state that a user wants a connector to be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// Connector and tasks at work.
    Started,
    /// Connector and tasks there, but waiting.
    Paused,
    /// Neither.
    Stopped,
}

/// A connector as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Changes with every change of its settings.
    pub config_version: u64,
    /// The state it is to be in.
    pub target: Target,
    /// Number and version of its task settings; none before they were first computed.
    pub tasks: Option<TaskSet>,
}

/// A set of task settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskSet {
    /// Changes with every change of the settings.
    pub version: u64,
    /// How many tasks there are.
    pub count: usize,
}

/// A connector as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Version of the settings that it was started with.
    pub config_version: u64,
    /// The state it was last told to be in.
    pub target: Target,
    /// Whether its start failed; it stays so until its settings change or a restart.
    pub failed: bool,
    /// The tasks that were started; none when none were.
    pub tasks: Option<TaskSet>,
}

/// One step towards what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Stop all tasks of a connector.
    StopTasks(Arc<str>),
    /// Stop a connector that has no tasks any more.
    StopConnector(Arc<str>),
    /// Start a connector and compute its task settings if it is to be at work.
    StartConnector(Arc<str>),
    /// Start all tasks with the settings computed last.
    StartTasks(Arc<str>),
    /// Tell connector and tasks to pause or to go on.
    Tell(Arc<str>, Target),
}

/// Computes the next steps; none when everything is as wanted.
#[must_use]
pub fn plan(
    wanted: &BTreeMap<Arc<str>, Wanted>,
    running: &BTreeMap<Arc<str>, Running>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for (name, now) in running {
        if !wanted.contains_key(name) {
            stop(&mut actions, name, now);
        }
    }
    for (name, want) in wanted {
        plan_one(&mut actions, name, want, running.get(name));
    }
    actions
}

fn plan_one(actions: &mut Vec<Action>, name: &Arc<str>, want: &Wanted, now: Option<&Running>) {
    let Some(now) = now else {
        if want.target != Target::Stopped {
            actions.push(Action::StartConnector(Arc::clone(name)));
        }
        return;
    };
    if want.target == Target::Stopped || now.config_version != want.config_version {
        stop(actions, name, now);
        return;
    }
    if now.failed {
        return;
    }
    if now.tasks.is_some() && now.tasks != want.tasks {
        actions.push(Action::StopTasks(Arc::clone(name)));
        return;
    }
    if now.target != want.target {
        actions.push(Action::Tell(Arc::clone(name), want.target));
    }
    if now.tasks.is_none() && want.tasks.is_some() {
        actions.push(Action::StartTasks(Arc::clone(name)));
    }
}

fn stop(actions: &mut Vec<Action>, name: &Arc<str>, now: &Running) {
    if now.tasks.is_some() {
        actions.push(Action::StopTasks(Arc::clone(name)));
    }
    actions.push(Action::StopConnector(Arc::clone(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: TaskSet = TaskSet { version: 1, count: 1 };

    fn wanted(config_version: u64, target: Target, tasks: Option<TaskSet>) -> Option<Wanted> {
        Some(Wanted { config_version, target, tasks })
    }

    fn running(config_version: u64, target: Target, tasks: Option<TaskSet>) -> Option<Running> {
        Some(Running { config_version, target, failed: false, tasks })
    }

    fn c() -> Arc<str> {
        "c".into()
    }

    #[track_caller]
    fn check(want: Option<Wanted>, now: Option<Running>, expected: &[Action]) {
        let wanted = want.into_iter().map(|want| (c(), want)).collect();
        let running = now.into_iter().map(|now| (c(), now)).collect();
        assert_eq!(plan(&wanted, &running), expected);
    }

    #[test]
    fn new_connector_is_started_then_its_tasks() {
        let want = wanted(1, Target::Started, None);
        check(want, None, &[Action::StartConnector(c())]);
        let want = wanted(1, Target::Started, Some(TASKS));
        check(want, running(1, Target::Started, None), &[Action::StartTasks(c())]);
        check(want, running(1, Target::Started, Some(TASKS)), &[]);
    }

    #[test]
    fn stopped_connector_is_never_started() {
        check(wanted(1, Target::Stopped, None), None, &[]);
        check(
            wanted(1, Target::Stopped, None),
            running(1, Target::Started, Some(TASKS)),
            &[Action::StopTasks(c()), Action::StopConnector(c())],
        );
    }

    #[test]
    fn deleted_connector_is_stopped_with_its_tasks() {
        check(
            None,
            running(1, Target::Started, Some(TASKS)),
            &[Action::StopTasks(c()), Action::StopConnector(c())],
        );
        check(None, running(1, Target::Paused, None), &[Action::StopConnector(c())]);
    }

    #[test]
    fn changed_settings_restart_everything() {
        check(
            wanted(2, Target::Started, Some(TASKS)),
            running(1, Target::Started, Some(TASKS)),
            &[Action::StopTasks(c()), Action::StopConnector(c())],
        );
    }

    #[test]
    fn changed_task_settings_restart_the_tasks_only() {
        let other = TaskSet { version: 2, count: 3 };
        check(
            wanted(1, Target::Started, Some(other)),
            running(1, Target::Started, Some(TASKS)),
            &[Action::StopTasks(c())],
        );
    }

    #[test]
    fn pause_and_resume_are_told() {
        check(
            wanted(1, Target::Paused, Some(TASKS)),
            running(1, Target::Started, Some(TASKS)),
            &[Action::Tell(c(), Target::Paused)],
        );
    }

    #[test]
    fn failed_connector_waits_for_new_settings() {
        let mut now = running(1, Target::Started, None);
        if let Some(now) = &mut now {
            now.failed = true;
        }
        check(wanted(1, Target::Started, None), now, &[]);
        check(wanted(2, Target::Started, None), now, &[Action::StopConnector(c())]);
    }
}
