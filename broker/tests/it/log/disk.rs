//! A disk in memory that does what a real one may: lose, tear and reorder what was not synced,
//! run full, fail.
//!
//! Model: a file has a content that everybody sees and one on the medium. Writes go to the first
//! and wait; a sync moves all that waits to the second. When the power goes, each 512-byte sector
//! of each write that waits, each change of length, and each creation, renaming or removal in a
//! directory that waits reaches the medium or does not, each by the toss of a coin of a seeded
//! generator. A failed sync loses what waited for good, though it can still be read until the
//! power goes, as Linux does.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use broker::log::{DirEntry, FileHandle, FileSystem, LockError, LockGuard, OpenMode};
use rand::{Rng, SeedableRng, rngs::StdRng};

const SECTOR: usize = 512;

/// The disk; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: StdRng,
    files: HashMap<u64, Content>,
    dirs: HashMap<u64, Directory>,
    next_id: u64,
    locks: HashSet<PathBuf>,
    /// Handles of an earlier life do nothing any more.
    life: u64,
    powered: bool,
    operations_left: Option<u64>,
    bytes_left: Option<usize>,
    failing_syncs: Option<String>,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Content {
    seen: Vec<u8>,
    medium: Vec<u8>,
    waiting: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { position: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct Directory {
    seen: BTreeMap<String, Node>,
    medium: BTreeMap<String, Node>,
    waiting: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Set { name: String, node: Node },
    Remove { name: String },
    Rename { from: String, to: String, node: Node },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(u64),
    Dir(u64),
}

const ROOT: u64 = 0;

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        let state = State {
            random: StdRng::seed_from_u64(seed),
            files: HashMap::new(),
            dirs: HashMap::from([(ROOT, Directory::default())]),
            next_id: 1,
            locks: HashSet::new(),
            life: 0,
            powered: true,
            operations_left: None,
            bytes_left: None,
            failing_syncs: None,
            syncs: 0,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Cuts the power after that many changes to the disk.
    pub(super) fn power_off_after(&self, operations: u64) {
        self.state().operations_left = Some(operations);
    }

    /// Cuts the power, and turns it on again.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        let State { random, files, dirs, .. } = &mut *state;
        let mut ids: Vec<_> = files.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(file) = files.get_mut(&id) {
                file.lose_some(random);
            }
        }
        let mut ids: Vec<_> = dirs.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(dir) = dirs.get_mut(&id) {
                dir.lose_some(random);
            }
        }
        state.life += 1;
        state.locks.clear();
        state.powered = true;
        state.operations_left = None;
    }

    /// Ends the process but not the power: nothing is lost, handles are dead, locks are free.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        state.life += 1;
        state.locks.clear();
    }

    /// Lets files grow by so many bytes more; none is no limit.
    pub(super) fn set_space(&self, bytes: Option<usize>) {
        self.state().bytes_left = bytes;
    }

    /// Lets every sync of a file whose path contains the text fail.
    pub(super) fn fail_syncs_of(&self, text: Option<&str>) {
        self.state().failing_syncs = text.map(str::to_owned);
    }

    /// Stops every operation until the guard is dropped.
    pub(super) fn hold(&self) -> Held<'_> {
        Held(self.state())
    }

    /// How many syncs of files succeeded.
    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Changes the content of a file on the medium and wherever it is seen.
    pub(super) fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let Some(Node::File(id)) = state.node(path).unwrap() else { panic!("no file {path:?}") };
        let file = state.files.get_mut(&id).unwrap();
        change(&mut file.seen);
        file.medium.clone_from(&file.seen);
        file.waiting.clear();
    }

    /// Reads a file.
    pub(super) fn content(&self, path: &Path) -> Vec<u8> {
        let mut content = Vec::new();
        self.edit(path, |bytes| content.clone_from(bytes));
        content
    }

    /// True if there is a file or directory of that name.
    pub(super) fn exists(&self, path: &Path) -> bool {
        matches!(self.state().node(path), Ok(Some(_)))
    }
}

/// The disk while it is held.
pub(super) struct Held<'a>(#[expect(dead_code, reason = "held, not used")] MutexGuard<'a, State>);

impl Drop for Held<'_> {
    fn drop(&mut self) {}
}

impl Content {
    fn lose_some(&mut self, random: &mut StdRng) {
        for change in std::mem::take(&mut self.waiting) {
            match change {
                Change::Length(length) => {
                    if random.random() {
                        self.medium.resize(length, 0);
                    }
                }
                Change::Write { position, bytes } => {
                    let mut at = 0;
                    while at < bytes.len() {
                        // Sectors are places on the medium, not parts of a write.
                        let left_in_sector = SECTOR - (position + at) % SECTOR;
                        let end = (at + left_in_sector).min(bytes.len());
                        if random.random() {
                            write(&mut self.medium, position + at, &bytes[at..end]);
                        }
                        at = end;
                    }
                }
            }
        }
        self.seen.clone_from(&self.medium);
    }
}

fn write(into: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if into.len() < end {
        into.resize(end, 0);
    }
    into[position..end].copy_from_slice(bytes);
}

impl Directory {
    fn change(&mut self, entry: Entry) {
        apply(&mut self.seen, entry.clone());
        self.waiting.push(entry);
    }

    fn lose_some(&mut self, random: &mut StdRng) {
        for entry in std::mem::take(&mut self.waiting) {
            if random.random() {
                apply(&mut self.medium, entry);
            }
        }
        self.seen.clone_from(&self.medium);
    }
}

fn apply(entries: &mut BTreeMap<String, Node>, entry: Entry) {
    match entry {
        Entry::Set { name, node } => _ = entries.insert(name, node),
        Entry::Remove { name } => _ = entries.remove(&name),
        Entry::Rename { from, to, node } => {
            if entries.get(&from) == Some(&node) {
                entries.remove(&from);
            }
            entries.insert(to, node);
        }
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl State {
    /// Counts a change; fails once the power is off.
    fn changing(&mut self) -> io::Result<()> {
        if let Some(left) = &mut self.operations_left {
            if *left == 0 {
                self.powered = false;
            } else {
                *left -= 1;
            }
        }
        self.running()
    }

    fn running(&self) -> io::Result<()> {
        if self.powered { Ok(()) } else { Err(power_is_off()) }
    }

    fn node(&self, path: &Path) -> io::Result<Option<Node>> {
        let mut node = Node::Dir(ROOT);
        for part in path.iter().filter(|part| *part != "/") {
            let Node::Dir(dir) = node else { return Err(io::ErrorKind::NotADirectory.into()) };
            let name = part.to_str().unwrap();
            match self.dirs[&dir].seen.get(name) {
                Some(next) => node = *next,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    fn directory(&mut self, path: &Path) -> io::Result<&mut Directory> {
        match self.node(path)? {
            Some(Node::Dir(id)) => Ok(self.dirs.get_mut(&id).unwrap()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn found(&self, path: &Path) -> io::Result<Node> {
        self.node(path)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl FileSystem for Disk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn FileHandle>> {
        let mut state = self.state();
        state.running()?;
        let id = match (state.node(path)?, mode) {
            (Some(Node::File(id)), OpenMode::Create) => {
                state.changing()?;
                let file = state.files.get_mut(&id).unwrap();
                file.seen.clear();
                file.waiting.push(Change::Length(0));
                id
            }
            (Some(Node::File(id)), _) => id,
            (Some(Node::Dir(_)), _) => return Err(io::ErrorKind::IsADirectory.into()),
            (None, OpenMode::Create) => {
                state.changing()?;
                let id = state.new_id();
                state.files.insert(id, Content::default());
                let entry = Entry::Set { name: name_of(path), node: Node::File(id) };
                state.directory(path.parent().unwrap())?.change(entry);
                id
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        let life = state.life;
        Ok(Arc::new(Handle { disk: self.clone(), id, life, path: path.to_owned() }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("/")) {
            self.create_dir(parent)?;
        }
        let mut state = self.state();
        state.running()?;
        if state.node(path)?.is_some() {
            return Ok(());
        }
        state.changing()?;
        let id = state.new_id();
        state.dirs.insert(id, Directory::default());
        let entry = Entry::Set { name: name_of(path), node: Node::Dir(id) };
        state.directory(path.parent().unwrap())?.change(entry);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut state = self.state();
        state.running()?;
        let seen = state.directory(path)?.seen.clone();
        let entry = |(name, node): (String, Node)| match node {
            Node::File(id) => {
                DirEntry { name, is_dir: false, size_bytes: state.files[&id].seen.len() as u64 }
            }
            Node::Dir(_) => DirEntry { name, is_dir: true, size_bytes: 0 },
        };
        Ok(seen.into_iter().map(entry).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        assert_eq!(from.parent(), to.parent(), "the log renames inside a directory only");
        let mut state = self.state();
        state.changing()?;
        let node = state.found(from)?;
        let entry = Entry::Rename { from: name_of(from), to: name_of(to), node };
        state.directory(from.parent().unwrap())?.change(entry);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing()?;
        state.found(path)?;
        state.directory(path.parent().unwrap())?.change(Entry::Remove { name: name_of(path) });
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.changing()?;
        let dir = state.directory(path)?;
        dir.waiting.clear();
        dir.medium.clone_from(&dir.seen);
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn LockGuard>, LockError> {
        let mut state = self.state();
        if !state.locks.insert(path.to_owned()) {
            return Err(LockError::Held { pid: Some(1) });
        }
        let life = state.life;
        Ok(Box::new(Lock { disk: self.clone(), life, path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct Lock {
    disk: Disk,
    life: u64,
    path: PathBuf,
}

impl LockGuard for Lock {}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct Handle {
    disk: Disk,
    id: u64,
    life: u64,
    path: PathBuf,
}

impl Handle {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life { Ok(state) } else { Err(power_is_off()) }
    }
}

impl FileHandle for Handle {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.state()?;
        state.running()?;
        let content = &state.files[&self.id].seen;
        let rest = content.get(usize::try_from(position).unwrap()..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_vectored_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.changing()?;
        let position = usize::try_from(position).unwrap();
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let grows = (position + bytes.len()).saturating_sub(state.files[&self.id].seen.len());
        if let Some(left) = &mut state.bytes_left {
            if grows > *left {
                let fits = bytes.len() - (grows - *left);
                if *left == 0 || fits == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                bytes.truncate(fits);
            }
            *left -= grows.min(*left);
        }
        let file = state.files.get_mut(&self.id).unwrap();
        write(&mut file.seen, position, &bytes);
        let count = bytes.len();
        file.waiting.push(Change::Write { position, bytes });
        Ok(count)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.changing()?;
        let fails = |text: &String| self.path.to_str().unwrap().contains(text.as_str());
        let failed = state.failing_syncs.as_ref().is_some_and(fails);
        state.syncs += u64::from(!failed);
        let file = state.files.get_mut(&self.id).unwrap();
        file.waiting.clear();
        if failed {
            return Err(io::Error::from_raw_os_error(5));
        }
        file.medium.clone_from(&file.seen);
        Ok(())
    }

    fn set_len(&self, size_bytes: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.changing()?;
        let length = usize::try_from(size_bytes).unwrap();
        let file = state.files.get_mut(&self.id).unwrap();
        file.seen.resize(length, 0);
        file.waiting.push(Change::Length(length));
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.state()?.files[&self.id].seen.len() as u64)
    }

    fn as_file(&self) -> Option<&File> {
        None
    }
}
