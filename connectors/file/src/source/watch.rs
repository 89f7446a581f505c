//! Wakes a task when something happens to its file.
//!
//! The *directory* is watched, because a file that is replaced takes its own watch with it; when
//! the path is a link, the directory of the link's target too. Events only say "look": what has
//! happened is for [`super::tail`] to find out, which also looks without any event once a second,
//! since there are file systems and limits under which events do not come.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::identity::Identity;

/// A watch on the directory of a file, renewed when the directory is replaced.
pub(super) struct FileWatch {
    path: PathBuf,
    woken: Arc<Notify>,
    armed: Option<Armed>,
    warned: bool,
}

struct Armed {
    directories: Vec<(PathBuf, Identity)>,
    /// Ends its thread when dropped.
    _watcher: RecommendedWatcher,
}

impl FileWatch {
    /// Starts to watch; a directory that does not exist is tried again by [`FileWatch::refresh`].
    pub(super) fn new(path: &Path) -> Self {
        let woken = Arc::new(Notify::new());
        let mut watch = Self { path: path.to_owned(), woken, armed: None, warned: false };
        watch.refresh();
        watch
    }

    /// Starts to watch anew if the directory is not the one that is watched.
    pub(super) fn refresh(&mut self) {
        let wanted = directories(&self.path);
        if self.armed.as_ref().is_some_and(|armed| armed.directories == wanted) {
            return;
        }
        self.armed = None;
        if wanted.is_empty() {
            return;
        }
        match self.arm(wanted) {
            Ok(armed) => self.armed = Some(armed),
            Err(error) if !self.warned => {
                tracing::warn!(
                    file = %self.path.display(), %error,
                    "cannot watch the file's directory: looking once a second instead"
                );
                self.warned = true;
            }
            Err(_) => {}
        }
        // What happened before the watch began has no event.
        self.woken.notify_one();
    }

    /// Waits until something has happened to the file since the last wait, or for a time.
    ///
    /// Returns true when something has happened.
    ///
    /// # Cancellation
    ///
    /// Safe: an event that was not waited for ends the next wait.
    pub(super) async fn wait(&self, at_most: Duration) -> bool {
        tokio::time::timeout(at_most, self.woken.notified()).await.is_ok()
    }

    fn arm(&self, directories: Vec<(PathBuf, Identity)>) -> notify::Result<Armed> {
        let names = names(&self.path);
        let woken = Arc::clone(&self.woken);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| concerns(&event, &names)) {
                woken.notify_one();
            }
        })?;
        for (directory, _) in &directories {
            watcher.watch(directory, RecursiveMode::NonRecursive)?;
        }
        Ok(Armed { directories, _watcher: watcher })
    }
}

/// Tells whether an event may mean that there is something new to read.
fn concerns(event: &Event, names: &[OsString]) -> bool {
    if event.need_rescan() {
        return true;
    }
    // Our own reading makes access events: without this, each look would cause the next one.
    !matches!(event.kind, EventKind::Access(_))
        && event.paths.iter().any(|path| path.file_name().is_some_and(|n| is_one(n, names)))
}

fn is_one(name: &OsStr, names: &[OsString]) -> bool {
    names.iter().any(|known| known == name)
}

/// The path, and what it leads to if it is a link.
fn places(path: &Path) -> Vec<PathBuf> {
    let mut places = vec![path.to_owned()];
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        places.extend(path.canonicalize());
    }
    places
}

fn names(path: &Path) -> Vec<OsString> {
    places(path).iter().filter_map(|place| place.file_name().map(OsStr::to_owned)).collect()
}

/// The directories to watch that exist.
fn directories(path: &Path) -> Vec<(PathBuf, Identity)> {
    let mut found = Vec::new();
    for place in places(path) {
        let directory = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        if let Ok(metadata) = std::fs::metadata(&directory) {
            found.push((directory, Identity::of(&metadata)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, Flag, ModifyKind};

    use super::*;

    #[track_caller]
    fn check(event: &Event, expected: bool) {
        assert_eq!(concerns(event, &[OsString::from("in.txt")]), expected, "{event:?}");
    }

    #[test]
    fn only_changes_of_the_file_concern_us() {
        let event = |kind, path: &str| Event::new(kind).add_path(PathBuf::from(path));
        check(&event(EventKind::Modify(ModifyKind::Any), "/a/in.txt"), true);
        check(&event(EventKind::Create(CreateKind::File), "/a/in.txt"), true);
        check(&event(EventKind::Modify(ModifyKind::Any), "/a/other.txt"), false);
        check(&event(EventKind::Access(AccessKind::Any), "/a/in.txt"), false);
        check(&Event::new(EventKind::Other).set_flag(Flag::Rescan), true);
    }
}
