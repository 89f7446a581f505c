//! librdkafka's list of partitions with an offset and a result each.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, NulError};
use std::sync::Arc;

use rdkafka::bindings as rd;

use crate::TopicPartition;
use crate::error::ErrorCode;

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    pub(crate) code: ErrorCode,
}

/// Owns a list.
pub(crate) struct PartitionList {
    ptr: *mut rd::rd_kafka_topic_partition_list_t,
}

// SAFETY: plain memory with one owner.
unsafe impl Send for PartitionList {}

impl PartitionList {
    /// An empty list.
    pub(crate) fn new() -> Self {
        // SAFETY: the size is a hint; aborts when memory is out, so never null.
        Self { ptr: unsafe { rd::rd_kafka_topic_partition_list_new(8) } }
    }

    /// A list of partitions with offsets.
    pub(crate) fn with_offsets<'a>(
        entries: impl IntoIterator<Item = (&'a TopicPartition, i64)>,
    ) -> Result<Self, NulError> {
        let mut list = Self::new();
        for (partition, offset) in entries {
            list.push(&partition.topic, partition.partition, offset)?;
        }
        Ok(list)
    }

    /// A list of partitions without offsets.
    pub(crate) fn of<'a>(
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> Result<Self, NulError> {
        Self::with_offsets(
            partitions.into_iter().map(|p| (p, i64::from(rd::RD_KAFKA_OFFSET_INVALID))),
        )
    }

    /// Copies a list that librdkafka lends.
    ///
    /// # Safety
    ///
    /// `ptr` points to a live list.
    pub(crate) unsafe fn copy_of(ptr: *const rd::rd_kafka_topic_partition_list_t) -> Self {
        // SAFETY: live, says the caller.
        Self { ptr: unsafe { rd::rd_kafka_topic_partition_list_copy(ptr) } }
    }

    /// Takes over a list that librdkafka gave away.
    ///
    /// # Safety
    ///
    /// `ptr` points to a live list without another owner.
    pub(crate) unsafe fn take(ptr: *mut rd::rd_kafka_topic_partition_list_t) -> Self {
        Self { ptr }
    }

    /// Adds one partition.
    pub(crate) fn push(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<(), NulError> {
        let topic = CString::new(topic)?;
        // SAFETY: the list is ours, the string is copied, and the new entry is returned.
        unsafe {
            let entry = rd::rd_kafka_topic_partition_list_add(self.ptr, topic.as_ptr(), partition);
            (*entry).offset = offset;
        }
        Ok(())
    }

    /// Sets the offset of a partition that is in the list; false when it is not.
    pub(crate) fn set_offset(&mut self, partition: &TopicPartition, offset: i64) -> bool {
        let Ok(topic) = CString::new(&*partition.topic) else { return false };
        // SAFETY: the list is ours, the string is only read.
        let code = unsafe {
            rd::rd_kafka_topic_partition_list_set_offset(
                self.ptr,
                topic.as_ptr(),
                partition.partition,
                offset,
            )
        };
        code == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
    }

    /// The list, still owned by `self`.
    pub(crate) fn as_ptr(&self) -> *mut rd::rd_kafka_topic_partition_list_t {
        self.ptr
    }

    /// Reads the list; entries of one topic share its name.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        // SAFETY: ours and alive; the slice is only read here.
        unsafe { read_entries(self.ptr) }
    }

    /// Reads the partitions alone.
    pub(crate) fn partitions(&self) -> Vec<TopicPartition> {
        self.entries().into_iter().map(|entry| entry.partition).collect()
    }
}

impl Drop for PartitionList {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.ptr) };
    }
}

/// # Safety
///
/// `list` points to a live list that nobody changes meanwhile.
unsafe fn read_entries(list: *const rd::rd_kafka_topic_partition_list_t) -> Vec<Entry> {
    let mut names: HashMap<Box<str>, Arc<str>> = HashMap::new();
    // SAFETY: live, says the caller; `elems` holds `cnt` entries.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        if count == 0 {
            return Vec::new();
        }
        let raw = std::slice::from_raw_parts((*list).elems, count);
        raw.iter()
            .map(|entry| {
                let name = CStr::from_ptr(entry.topic).to_string_lossy();
                let topic = names
                    .entry(name.as_ref().into())
                    .or_insert_with(|| Arc::from(name.as_ref()))
                    .clone();
                let code = std::ptr::addr_of!(entry.err).cast::<i32>().read();
                Entry {
                    partition: TopicPartition { topic, partition: entry.partition },
                    offset: entry.offset,
                    code: ErrorCode::from_raw(code),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_was_put_in() {
        let one = TopicPartition::new("a", 1);
        let two = TopicPartition::new("a", 2);
        let mut list = PartitionList::with_offsets([(&one, 5), (&two, 7)]).unwrap();
        assert!(list.set_offset(&two, 9));
        assert!(!list.set_offset(&TopicPartition::new("b", 0), 9));
        let offsets: Vec<_> = list.entries().into_iter().map(|e| (e.partition, e.offset)).collect();
        assert_eq!(offsets, [(one, 5), (two, 9)]);
    }
}
