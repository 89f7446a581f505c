//! Removing old records: by age, by size, and because somebody asked for it.
//!
//! Invariants: only whole segments go, the oldest first, none that reaches above the high
//! watermark; there is always a segment to write to; the log start offset never goes back.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    config::LogConfig,
    error::ReadError,
    partition::Partition,
    producer::FILE_SUFFIX,
    segment::{Segment, file_name},
    shared::Doomed,
};

impl Partition {
    /// Makes an offset the first that may be read and returns it; -1 stands for the high
    /// watermark, and an offset below the first changes nothing. Waits for the disk.
    ///
    /// # Errors
    ///
    /// [`ReadError::OffsetOutOfRange`] above the high watermark, [`ReadError::Io`] when the new
    /// start could not be stored.
    pub fn delete_records_before(self: &Arc<Self>, offset: i64) -> Result<i64, ReadError> {
        let end = self.high_watermark();
        let wanted = if offset == -1 { end } else { offset };
        if wanted < 0 || wanted > end {
            let start = self.log_start_offset();
            return Err(ReadError::OffsetOutOfRange { offset, start, end });
        }
        self.log_start.fetch_max(wanted, Ordering::AcqRel);
        self.shared
            .write_checkpoints()
            .map_err(|source| ReadError::Io { path: self.shared.settings.path.clone(), source })?;
        Ok(self.log_start_offset())
    }

    /// Moves the log start past the segments that the settings no longer keep, and forgets
    /// silent producers; true if there are segments to remove once the start is stored.
    pub(super) fn raise_log_start(self: &Arc<Self>, now_ms: i64) -> bool {
        if self.offline().is_some() {
            return false;
        }
        let config = self.config();
        let mut writer = self.writer.lock();
        // The directory may be that of the next topic of this name by now.
        if self.is_deleted() {
            return false;
        }
        writer.producers.expire(now_ms, self.shared.settings.producer_id_expiration_ms);
        let segments = self.segments.load_full();
        let count = match self.removable(&segments, &config, now_ms) {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(partition = %self, %error, "retention could not read the log");
                return false;
            }
        };
        if count > 0
            && count == segments.len()
            && let Err(error) = writer.roll(self, &config)
        {
            tracing::warn!(partition = %self, %error, "no new segment, the old one stays");
            return false;
        }
        if let Some(first) = self.segments.load().get(count) {
            self.log_start.fetch_max(first.base_offset(), Ordering::AcqRel);
        }
        count > 0
    }

    /// Counts the segments at the beginning that may go.
    fn removable(
        &self,
        segments: &[Arc<Segment>],
        config: &LogConfig,
        now_ms: i64,
    ) -> std::io::Result<usize> {
        let (log_start, watermark) = (self.log_start_offset(), self.high_watermark());
        let mut size = self.size_bytes();
        let mut count = 0;
        for (at, segment) in segments.iter().enumerate() {
            let next = segments.get(at + 1).map(|next| next.base_offset());
            let end = next.unwrap_or_else(|| self.log_end_offset());
            let is_empty = segment.size() == 0;
            if watermark < end || (next.is_none() && is_empty) {
                break;
            }
            let before_start = next.is_some_and(|next| next <= log_start);
            let too_much = config
                .retention_bytes
                .is_some_and(|most| size.saturating_sub(segment.size()) >= most);
            let removable = before_start
                || config.cleanup_policy.delete
                    && (too_much || is_too_old(segment, config, now_ms)?);
            if !removable {
                break;
            }
            size -= segment.size();
            count += 1;
        }
        Ok(count)
    }

    /// Removes the segments below the log start, which must have been stored.
    pub(super) fn remove_below_log_start(&self) {
        let _writer = self.writer.lock();
        if self.is_deleted() {
            return;
        }
        let config = self.config();
        let segments = self.segments.load_full();
        let start = self.log_start_offset();
        let first = segments.partition_point(|segment| segment.base_offset() <= start);
        let (old, kept) = segments.split_at(first.saturating_sub(1));
        if old.is_empty() {
            return;
        }
        self.store_segments(kept.to_vec());
        let mut files = Vec::new();
        for segment in old {
            match segment.mark_deleted() {
                Ok(renamed) => files.extend(renamed),
                Err(error) => {
                    tracing::warn!(file = %segment.path().display(), %error, "segment was not renamed");
                }
            }
            files.push(self.dir.join(file_name(segment.base_offset(), FILE_SUFFIX)));
        }
        tracing::info!(partition = %self, segments = old.len(), log_start = self.log_start_offset(), "removed old segments");
        let delay = u64::try_from(config.file_delete_delay_ms).unwrap_or(0);
        let due = self.shared.clock.monotonic() + Duration::from_millis(delay);
        self.shared.doomed.lock().push(Doomed { due, files, dir: None });
        let changed = self.epochs.lock().truncate_start(start);
        if changed {
            self.write_epochs();
        }
    }
}

fn is_too_old(segment: &Segment, config: &LogConfig, now_ms: i64) -> std::io::Result<bool> {
    let Some(retention_ms) = config.retention_ms else { return Ok(false) };
    if segment.size() == 0 {
        return Ok(true);
    }
    let newest = segment.newest(config.index_interval_bytes)?;
    let timestamp = newest.map_or(segment.created_ms(), |newest| newest.timestamp);
    Ok(now_ms.saturating_sub(timestamp) > retention_ms)
}

#[cfg(test)]
mod tests {
    use protocol::{
        Uuid,
        records::{BatchBuilder, Compression, NewRecord},
    };

    use super::super::{
        AppendOptions, Durability, LogDirectory, LogDirectoryConfig, Origin, OsFileSystem,
        SystemClock,
    };
    use super::*;

    async fn append(log: &Arc<Partition>) {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.push(NewRecord { value: Some(b"v"), ..NewRecord::default() });
        let options = AppendOptions { origin: Origin::Client, durability: Durability::Flushed };
        log.append(builder.build().unwrap(), options).await.unwrap();
    }

    #[tokio::test]
    async fn retention_of_a_deleted_partition_leaves_the_next_of_its_name_alone() {
        let dir = tempfile::tempdir().unwrap();
        let settings = LogDirectoryConfig::new(dir.path());
        let clock = Arc::new(SystemClock::new());
        let logs = LogDirectory::open(settings, Arc::new(OsFileSystem), clock).unwrap();
        let config =
            LogConfig { segment_bytes: 1, retention_bytes: Some(1), ..LogConfig::default() };
        let old = logs.create_partition("t", 0, Uuid([1; 16]), config.clone()).unwrap();
        append(&old).await;
        append(&old).await;
        assert!(old.raise_log_start(0), "there is something to remove");
        logs.delete_topic("t").unwrap();
        let new = logs.create_partition("t", 0, Uuid([2; 16]), config).unwrap();
        append(&new).await;
        old.remove_below_log_start();
        assert!(!old.raise_log_start(0));
        old.prepare_close();
        let mut names: Vec<_> = std::fs::read_dir(dir.path().join("t-0"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["00000000000000000000.log", "leader-epoch-checkpoint", "partition.metadata"]
        );
        logs.close().unwrap();
    }
}
