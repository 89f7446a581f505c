//! The last trouble with a connection, for messages that say why nothing answers.

use parking_lot::Mutex;

use crate::error::{ErrorCode, KafkaError};

/// Keeps one error.
#[derive(Default)]
pub(crate) struct LastError(Mutex<Option<KafkaError>>);

impl LastError {
    /// Takes note of an error. That all brokers are down does not replace the reason why.
    pub(crate) fn note(&self, error: KafkaError) {
        let mut last = self.0.lock();
        if error.code() != ErrorCode::ALL_BROKERS_DOWN || last.is_none() {
            *last = Some(error);
        }
    }

    /// The error, if there was one.
    pub(crate) fn get(&self) -> Option<KafkaError> {
        self.0.lock().clone()
    }
}
