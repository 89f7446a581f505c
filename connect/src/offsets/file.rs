//! Offsets in the file of a Java standalone worker (`offset.storage.file.filename`).
//!
//! Read once at the start, kept in memory, rewritten whole at each commit: to `<name>.tmp` beside
//! it, flushed to the disk, renamed over it. Java rewrites in place and can lose all of it.
//!
//! Invariant: the file holds the offsets before or after a commit, never a mixture; a file that
//! cannot be understood is never written to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::java_map::{self, Blob};
use super::store::{Change, OffsetBackingStore, OffsetStoreError};

/// Far above any real offsets file, which has some hundred bytes per source partition.
const MAX_SIZE: u64 = 256 * 1024 * 1024;

type Entries = BTreeMap<Blob, Blob>;

/// The store of a standalone worker.
#[derive(Debug)]
pub struct FileOffsetStore {
    path: PathBuf,
    entries: Mutex<Entries>,
}

impl FileOffsetStore {
    /// Reads the file; a missing or empty one holds no offsets.
    ///
    /// # Errors
    ///
    /// [`OffsetStoreError`] when it cannot be read, understood, or its folder not be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OffsetStoreError> {
        let path = path.into();
        let entries = java_map::read(&content(&path)?)
            .map_err(|source| OffsetStoreError::Unreadable { path: path.clone(), source })?;
        if let Some(folder) = folder(&path) {
            fs::create_dir_all(folder).map_err(|source| io("make the folder of", &path, source))?;
        }
        Ok(Self { path, entries: Mutex::new(entries.into_iter().collect()) })
    }

    fn write(&self, entries: &Entries) -> Result<(), OffsetStoreError> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let bytes = java_map::write(entries.iter());
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(|source| io("write", &temporary, source))?;
        fs::rename(&temporary, &self.path).map_err(|source| io("replace", &self.path, source))?;
        let folder = folder(&self.path).unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| io("flush the folder of", &self.path, source))
    }
}

impl OffsetBackingStore for FileOffsetStore {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.entries.lock().get(&Some(key.to_vec())).cloned().flatten()
    }

    fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self.entries.lock();
        entries.iter().filter_map(|(key, value)| Some((key.clone()?, value.clone()?))).collect()
    }

    fn set(&self, changes: Vec<Change>) -> Result<(), OffsetStoreError> {
        let mut entries = self.entries.lock();
        let mut changed = entries.clone();
        for (key, value) in changes {
            match value {
                Some(value) => changed.insert(Some(key), Some(value)),
                None => changed.remove(&Some(key)),
            };
        }
        if changed != *entries {
            self.write(&changed)?;
            *entries = changed;
        }
        Ok(())
    }
}

fn content(path: &Path) -> Result<Vec<u8>, OffsetStoreError> {
    let size = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io("read", path, source)),
    };
    if size > MAX_SIZE {
        return Err(OffsetStoreError::TooLarge { path: path.into(), size, limit: MAX_SIZE });
    }
    fs::read(path).map_err(|source| io("read", path, source))
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty())
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> OffsetStoreError {
    OffsetStoreError::Io { action, path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(store: &dyn OffsetBackingStore, key: &str, value: Option<&str>) {
        let change = (key.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec()));
        store.set(vec![change]).unwrap();
    }

    /// The suite of the trait: run on every implementation.
    fn check_store(store: &dyn OffsetBackingStore) {
        assert_eq!(store.get(b"a"), None);
        set(store, "a", Some("1"));
        set(store, "b", Some("2"));
        set(store, "a", Some("3"));
        assert_eq!(store.get(b"a"), Some(b"3".to_vec()));
        set(store, "b", None);
        assert_eq!(store.entries(), [(b"a".to_vec(), b"3".to_vec())]);
    }

    #[test]
    fn memory_keeps_the_last_value() {
        check_store(&super::super::memory::MemoryOffsetStore::default());
    }

    #[test]
    fn file_keeps_the_last_value_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/connect.offsets");
        check_store(&FileOffsetStore::open(&path).unwrap());
        let again = FileOffsetStore::open(&path).unwrap();
        assert_eq!(again.get(b"a"), Some(b"3".to_vec()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn unreadable_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connect.offsets");
        fs::write(&path, "not offsets").unwrap();
        let error = FileOffsetStore::open(&path).unwrap_err().to_string();
        assert!(error.contains("connect.offsets is unreadable"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"not offsets");
    }

    #[test]
    fn failed_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connect.offsets");
        let store = FileOffsetStore::open(&path).unwrap();
        set(&store, "a", Some("1"));
        fs::create_dir(folder.path().join("connect.offsets.tmp")).unwrap();
        assert!(store.set(vec![(b"a".to_vec(), Some(b"2".to_vec()))]).is_err());
        assert_eq!(store.get(b"a"), Some(b"1".to_vec()));
        assert_eq!(FileOffsetStore::open(&path).unwrap().get(b"a"), Some(b"1".to_vec()));
    }
}
