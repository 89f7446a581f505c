//! The store as a whole: an index that follows the topic, and one writer.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;

use super::error::StoreError;
use super::index::Index;
use super::progress::Progress;
use super::reader::{Reader, Shared};
use super::writer::{Decision, Footprint, Ground, Writer};
use crate::config::RegistryConfig;

/// An index that follows the topic, and one writer. Dropping it blocks until its threads have ended.
pub struct KafkaStore {
    // Dropped in this order: the writer waits for the reader.
    writer: Writer,
    _reader: Reader,
    shared: Shared,
    started: Instant,
}

impl KafkaStore {
    /// Starts to read; nothing is there yet when it returns.
    ///
    /// # Errors
    ///
    /// What the system says when no thread can start.
    pub fn start(config: Arc<RegistryConfig>) -> std::io::Result<Self> {
        let shared = Shared {
            config,
            index: Arc::new(RwLock::new(Index::default())),
            progress: Arc::new(Progress::default()),
        };
        let reader = Reader::start(shared.clone())?;
        let writer = Writer::start(shared.clone())?;
        Ok(Self { writer, _reader: reader, shared, started: Instant::now() })
    }

    /// Waits until everything that was there at the start has been read: for `kafkastore.timeout.ms`
    /// while the start may take its time, no longer when `kafkastore.init.timeout.ms` is over.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotReady`] with the reason, or [`StoreError::Closed`].
    pub async fn ready(&self) -> Result<(), StoreError> {
        let now = Instant::now();
        let config = &self.shared.config;
        let patience = (now + config.timeout).min(self.started + config.init_timeout);
        self.shared.progress.ready(patience.max(now)).await
    }

    /// Reads the index; short, for nothing is folded meanwhile.
    pub fn read<T>(&self, read: impl FnOnce(&Index) -> T) -> T {
        read(&self.shared.index.read())
    }

    /// The index, for work outside of the runtime.
    #[must_use]
    pub fn index(&self) -> Arc<RwLock<Index>> {
        Arc::clone(&self.shared.index)
    }

    /// Decides a change and carries it out; when it returns, [`KafkaStore::read`] shows it.
    ///
    /// # Errors
    ///
    /// What `decide` says, or [`StoreError`].
    ///
    /// # Cancellation
    ///
    /// The change is carried out nevertheless.
    pub async fn change<T, E>(
        &self,
        footprint: Footprint,
        decide: impl FnOnce(&Ground<'_>) -> Result<Decision<T>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.change(footprint, decide).await
    }

    /// Makes everything that waits for Kafka give up.
    pub fn close(&self) {
        self.shared.progress.update(|state| state.closed = true);
    }
}
