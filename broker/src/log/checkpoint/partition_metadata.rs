//! Which topic a partition's directory belongs to: `partition.metadata`.
//!
//! Text: `version: 0`, then `topic_id: <URL-safe base64>`.
//! Layout of Apache Kafka's `PartitionMetadataFile`.

use std::{
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

use protocol::Uuid;

use super::super::file_system::{FileHandle, FileSystem, OpenMode, read_small_file, write_all_at};

/// Name of the file in a partition's directory.
const FILE_NAME: &str = "partition.metadata";

/// The content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct PartitionMetadata {
    pub topic_id: Uuid,
}

/// Why the file was not read.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum MetadataError {
    #[error("read failed")]
    Io(#[from] io::Error),
    #[error("line {line} is malformed")]
    Malformed { line: usize },
    #[error("version {found} is not known")]
    Version { found: i64 },
}

impl PartitionMetadata {
    /// Reads the file of a partition; none when it is missing, or empty after a crash.
    pub(in super::super) fn read(
        fs: &dyn FileSystem,
        dir: &Path,
    ) -> Result<Option<Self>, MetadataError> {
        match read_small_file(fs, &dir.join(FILE_NAME), 4096) {
            Ok(content) if content.iter().all(|byte| *byte == 0) => Ok(None),
            Ok(content) => Self::parse(&String::from_utf8_lossy(&content)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the file of a new partition; the first flush makes it durable.
    pub(in super::super) fn write(
        self,
        fs: &dyn FileSystem,
        dir: &Path,
    ) -> io::Result<Arc<dyn FileHandle>> {
        let file = fs.open(&dir.join(FILE_NAME), OpenMode::Create)?;
        write_all_at(&*file, &mut [IoSlice::new(self.to_text().as_bytes())], 0)?;
        Ok(file)
    }

    fn parse(text: &str) -> Result<Self, MetadataError> {
        let mut version = None;
        let mut topic_id = None;
        for (line, content) in (1..).zip(text.lines()) {
            let malformed = || MetadataError::Malformed { line };
            match content.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("version", value)) => {
                    version = Some(value.parse::<i64>().map_err(|_| malformed())?);
                }
                Some(("topic_id", value)) => {
                    topic_id = Some(value.parse().map_err(|_| malformed())?);
                }
                None if content.trim().is_empty() => {}
                _ => return Err(malformed()),
            }
        }
        match version {
            Some(0) => {}
            Some(found) => return Err(MetadataError::Version { found }),
            None => return Err(MetadataError::Malformed { line: 1 }),
        }
        let topic_id = topic_id.ok_or(MetadataError::Malformed { line: 2 })?;
        Ok(Self { topic_id })
    }

    fn to_text(self) -> String {
        format!("version: 0\ntopic_id: {}", self.topic_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_published_one_and_reads_back() {
        let metadata = PartitionMetadata { topic_id: Uuid([1; 16]) };
        let text = metadata.to_text();
        assert_eq!(text, "version: 0\ntopic_id: AQEBAQEBAQEBAQEBAQEBAQ");
        assert_eq!(PartitionMetadata::parse(&text).unwrap(), metadata);
    }

    #[test]
    fn broken_text_is_refused() {
        for text in
            ["version: 1\ntopic_id: AQEBAQEBAQEBAQEBAQEBAQ", "version: 0", "x", "topic_id: !"]
        {
            assert!(PartitionMetadata::parse(text).is_err(), "{text}");
        }
    }
}
