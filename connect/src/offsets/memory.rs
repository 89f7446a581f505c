//! Offsets in memory: gone with the process; for tests and for trying things out.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::store::{Change, OffsetBackingStore, OffsetStoreError};

/// A store without a file.
#[derive(Debug, Default)]
pub struct MemoryOffsetStore {
    entries: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
}

impl OffsetBackingStore for MemoryOffsetStore {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.entries.lock().get(key).cloned()
    }

    fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.entries.lock().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn set(&self, changes: Vec<Change>) -> Result<(), OffsetStoreError> {
        let mut entries = self.entries.lock();
        for (key, value) in changes {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
        Ok(())
    }
}
