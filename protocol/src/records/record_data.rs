//! Record data as a message carries it: bytes in memory, or a stand-in for bytes elsewhere.

use bytes::Bytes;

/// The record batches of one partition in a message, neither copied nor looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// Batches in memory; decoding makes this a slice of the frame.
    Bytes(Bytes),
    /// Batches that the sender holds elsewhere, for example in a file. Only for encoding: it comes
    /// out of the encoder as [`crate::Part::External`].
    External {
        /// Bytes of the data.
        len: usize,
        /// What the sender knows the data by.
        id: usize,
    },
}

impl Records {
    /// Returns the size in bytes.
    pub const fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::External { len, .. } => *len,
        }
    }

    /// Whether there is no batch.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes when they are in memory.
    pub fn into_bytes(self) -> Option<Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::External { .. } => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}
