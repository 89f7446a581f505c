//! Administrative requests: each is sent, waited for, and answered in one call.
#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;

use crate::TopicPartition;
use crate::error::{AdminError, ErrorCode, KafkaError, StartError};
use crate::native::{
    Callbacks, Event, Handle, Kind, LastError, PartitionList, Queue, millis, text,
};
use crate::settings::{ClientSettings, Role};

/// A topic to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 for the broker's default.
    pub partitions: i32,
    /// How many replicas; -1 for the broker's default.
    pub replication_factor: i32,
    /// Topic settings by name.
    pub configs: BTreeMap<String, String>,
}

/// What the cluster knows of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
}

/// One setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its value; none for a secret.
    pub value: Option<String>,
    /// Whether nobody has set it.
    pub is_default: bool,
}

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetAt {
    /// Of the first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
}

/// Administers a cluster. Every method blocks for at most its timeout.
pub struct Admin {
    handle: Arc<Handle>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    last_error: LastError,
}

impl Callbacks for Shared {
    fn error(&self, error: KafkaError) {
        self.last_error.note(error);
    }

    fn delivered(&self, _: u64, _: Result<(i32, i64), KafkaError>) {
        // nothing is sent
    }

    unsafe fn rebalance(
        &self,
        _: *mut rd::rd_kafka_t,
        _: ErrorCode,
        _: *mut rd::rd_kafka_topic_partition_list_t,
    ) {
        // there is no group
    }
}

impl Admin {
    /// Starts a client, which connects in the background.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the settings are another role's or refused.
    pub fn new(settings: &ClientSettings) -> Result<Self, StartError> {
        if settings.role() != Role::Admin {
            let wanted = Role::Admin;
            return Err(StartError::WrongRole { found: settings.role(), wanted });
        }
        let shared = Arc::new(Shared::default());
        // a producer's questions for a topic create it
        let handle = Arc::new(Handle::new(Kind::Consumer, settings.conf()?, shared.clone())?);
        Ok(Self { handle, shared })
    }

    /// Creates topics, all in one request.
    ///
    /// # Errors
    ///
    /// For the request as a whole; and inside, by topic, [`AdminError::AlreadyExists`] or
    /// [`AdminError::Kafka`] with the broker's words.
    pub fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<BTreeMap<String, Result<(), AdminError>>, AdminError> {
        let mut native = NativeTopics(Vec::new());
        for topic in topics {
            native.push(topic)?;
        }
        let event = self.request(Operation::CreateTopics, timeout, |options, queue| {
            // SAFETY: everything is live and copied by the call.
            unsafe {
                rd::rd_kafka_CreateTopics(
                    self.handle.as_ptr(),
                    native.0.as_mut_ptr(),
                    native.0.len(),
                    options,
                    queue.as_ptr(),
                );
            }
        })?;
        let mut count = 0;
        // SAFETY: a live event of that kind; its results live as long.
        unsafe {
            let result = rd::rd_kafka_event_CreateTopics_result(event.as_ptr());
            let results = rd::rd_kafka_CreateTopics_result_topics(result, &raw mut count);
            Ok(topic_results(results, count))
        }
    }

    /// Deletes topics, all in one request.
    ///
    /// # Errors
    ///
    /// For the request as a whole; and inside, by topic, [`AdminError::UnknownTopic`] or
    /// [`AdminError::Kafka`].
    pub fn delete_topics(
        &self,
        topics: &[&str],
        timeout: Duration,
    ) -> Result<BTreeMap<String, Result<(), AdminError>>, AdminError> {
        let names = topics
            .iter()
            .map(|topic| CString::new(*topic))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| AdminError::ZeroByte { what: "a topic name" })?;
        let event = self.request(Operation::DeleteTopics, timeout, |options, queue| {
            // SAFETY: everything is live; the call copies, so the array is destroyed after it.
            unsafe {
                let mut native: Vec<_> =
                    names.iter().map(|name| rd::rd_kafka_DeleteTopic_new(name.as_ptr())).collect();
                let (array, count) = (native.as_mut_ptr(), native.len());
                rd::rd_kafka_DeleteTopics(
                    self.handle.as_ptr(),
                    array,
                    count,
                    options,
                    queue.as_ptr(),
                );
                rd::rd_kafka_DeleteTopic_destroy_array(array, count);
            }
        })?;
        let mut count = 0;
        // SAFETY: a live event of that kind; its results live as long.
        unsafe {
            let result = rd::rd_kafka_event_DeleteTopics_result(event.as_ptr());
            let results = rd::rd_kafka_DeleteTopics_result_topics(result, &raw mut count);
            Ok(topic_results(results, count))
        }
    }

    /// Lists every topic, in no order.
    ///
    /// # Errors
    ///
    /// [`AdminError::TimedOut`] when no broker can be reached; [`AdminError::Kafka`] otherwise.
    pub fn topics(&self, timeout: Duration) -> Result<Vec<TopicMetadata>, AdminError> {
        let topics = self.metadata(std::ptr::null_mut(), timeout)?;
        Ok(topics.into_iter().filter_map(Result::ok).collect())
    }

    /// Looks one topic up, without creating it.
    ///
    /// # Errors
    ///
    /// [`AdminError::UnknownTopic`] when it is not there; otherwise as
    /// [`topics`](Self::topics).
    pub fn topic(&self, name: &str, timeout: Duration) -> Result<TopicMetadata, AdminError> {
        let c_name =
            CString::new(name).map_err(|_| AdminError::ZeroByte { what: "a topic name" })?;
        let topic = self.handle.open_topic(&c_name)?;
        let found = self.metadata(topic, timeout);
        // SAFETY: ours, and no longer used.
        unsafe { rd::rd_kafka_topic_destroy(topic) };
        let unknown = || AdminError::UnknownTopic { topic: name.to_owned() };
        let topic = found?.into_iter().next().ok_or_else(unknown)??;
        if topic.partitions == 0 { Err(unknown()) } else { Ok(topic) }
    }

    fn metadata(
        &self,
        only: *mut rd::rd_kafka_topic_t,
        timeout: Duration,
    ) -> Result<Vec<Result<TopicMetadata, AdminError>>, AdminError> {
        let mut metadata = std::ptr::null();
        let all = i32::from(only.is_null());
        // SAFETY: the client and the topic, if any, are live.
        let code = unsafe {
            rd::rd_kafka_metadata(
                self.handle.as_ptr(),
                all,
                only,
                &raw mut metadata,
                millis(timeout),
            )
        };
        let code = ErrorCode::from_raw(code as i32);
        if code != ErrorCode::NONE {
            return Err(self.failed(KafkaError::from_code(code), timeout));
        }
        // SAFETY: on success it points to metadata that is ours; everything is copied before
        // it is destroyed.
        unsafe {
            let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
            let topics: Vec<_> =
                (0..count).map(|at| one_topic((*metadata).topics.add(at))).collect();
            rd::rd_kafka_metadata_destroy(metadata);
            Ok(topics)
        }
    }

    /// Reads a topic's settings.
    ///
    /// # Errors
    ///
    /// [`AdminError::UnknownTopic`] when it is not there; otherwise as
    /// [`topics`](Self::topics).
    pub fn describe_topic_config(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<BTreeMap<String, ConfigEntry>, AdminError> {
        let name =
            CString::new(topic).map_err(|_| AdminError::ZeroByte { what: "a topic name" })?;
        let event = self.request(Operation::DescribeConfigs, timeout, |options, queue| {
            // SAFETY: everything is live; the call copies, so the resource is destroyed after.
            unsafe {
                let kind = rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
                let mut resource = rd::rd_kafka_ConfigResource_new(kind, name.as_ptr());
                rd::rd_kafka_DescribeConfigs(
                    self.handle.as_ptr(),
                    &raw mut resource,
                    1,
                    options,
                    queue.as_ptr(),
                );
                rd::rd_kafka_ConfigResource_destroy(resource);
            }
        })?;
        // SAFETY: a live event of that kind; everything it lends lives as long.
        unsafe {
            let mut count = 0;
            let result = rd::rd_kafka_event_DescribeConfigs_result(event.as_ptr());
            let resources = rd::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
            let mut entries = BTreeMap::new();
            for resource in slice(resources, count) {
                let code = ErrorCode::from_raw(rd::rd_kafka_ConfigResource_error(*resource) as i32);
                let reason = text(rd::rd_kafka_ConfigResource_error_string(*resource));
                topic_outcome(topic, code, reason)?;
                let configs = rd::rd_kafka_ConfigResource_configs(*resource, &raw mut count);
                for config in slice(configs, count) {
                    let value = rd::rd_kafka_ConfigEntry_value(*config);
                    let entry = ConfigEntry {
                        value: (!value.is_null()).then(|| text(value)),
                        is_default: rd::rd_kafka_ConfigEntry_is_default(*config) != 0,
                    };
                    entries.insert(text(rd::rd_kafka_ConfigEntry_name(*config)), entry);
                }
            }
            Ok(entries)
        }
    }

    /// Asks for one offset of each partition.
    ///
    /// # Errors
    ///
    /// [`AdminError::UnknownTopic`] for the first that is not there; otherwise as
    /// [`topics`](Self::topics).
    pub fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, i64>, AdminError> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let spec = match at {
            OffsetAt::Earliest => rd::RD_KAFKA_OFFSET_BEGINNING,
            OffsetAt::Latest => rd::RD_KAFKA_OFFSET_END,
        };
        let list = PartitionList::with_offsets(partitions.iter().map(|p| (p, i64::from(spec))))
            .map_err(|_| AdminError::ZeroByte { what: "a topic name" })?;
        let answer = self.request(Operation::ListOffsets, timeout, |options, queue| {
            // SAFETY: everything is live and copied by the call.
            unsafe {
                let rk = self.handle.as_ptr();
                rd::rd_kafka_ListOffsets(rk, list.as_ptr(), options, queue.as_ptr());
            }
        });
        if let Err(AdminError::Kafka(error)) = &answer
            && error.code() == ErrorCode::NO_ENTRY
        {
            // no partition has a leader: say which topic is not there, if that is why
            for partition in partitions {
                self.topic(&partition.topic, timeout)?;
            }
        }
        let event = answer?;
        let mut found = BTreeMap::new();
        // SAFETY: a live event of that kind; everything it lends lives as long.
        unsafe {
            let mut count = 0;
            let result = rd::rd_kafka_event_ListOffsets_result(event.as_ptr());
            let infos = rd::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
            for info in slice(infos, count) {
                let entry = rd::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                let topic = text((*entry).topic);
                let code = std::ptr::addr_of!((*entry).err).cast::<i32>().read();
                topic_outcome(&topic, ErrorCode::from_raw(code), String::new())?;
                found.insert(TopicPartition::new(topic, (*entry).partition), (*entry).offset);
            }
        }
        Ok(found)
    }

    /// Sends a request and waits for its answer.
    fn request(
        &self,
        operation: Operation,
        timeout: Duration,
        send: impl FnOnce(*const rd::rd_kafka_AdminOptions_t, &Queue),
    ) -> Result<Event, AdminError> {
        let answers = Queue::new(&self.handle);
        let mut reason = [0 as c_char; 256];
        // SAFETY: the client is live; the options are destroyed after the call has copied them.
        unsafe {
            let options = rd::rd_kafka_AdminOptions_new(self.handle.as_ptr(), operation.native());
            for set in [
                rd::rd_kafka_AdminOptions_set_request_timeout,
                rd::rd_kafka_AdminOptions_set_operation_timeout,
            ] {
                // not every operation takes both
                set(options, millis(timeout).max(1), reason.as_mut_ptr(), reason.len());
            }
            send(options, &answers);
            rd::rd_kafka_AdminOptions_destroy(options);
        }
        let deadline = Instant::now() + timeout + Duration::from_millis(500);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match answers.poll(left) {
                Some(event) if event.kind() == operation.event() => {
                    event.result().map_err(|error| self.failed(error, timeout))?;
                    return Ok(event);
                }
                Some(_) => {}
                None if left.is_zero() => {
                    let error = KafkaError::from_code(ErrorCode::TIMED_OUT);
                    return Err(self.failed(error, timeout));
                }
                None => {}
            }
        }
    }

    fn failed(&self, error: KafkaError, timeout: Duration) -> AdminError {
        // connection troubles wait in the main queue until somebody looks
        // SAFETY: the client is live.
        unsafe { rd::rd_kafka_poll(self.handle.as_ptr(), 0) };
        match error.code() {
            ErrorCode::TIMED_OUT | ErrorCode::TRANSPORT | ErrorCode::ALL_BROKERS_DOWN => {
                let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                AdminError::TimedOut { timeout_ms, last: self.shared.last_error.get() }
            }
            _ => AdminError::Kafka(error),
        }
    }
}

/// A request that is answered by an event.
#[derive(Clone, Copy)]
enum Operation {
    CreateTopics,
    DeleteTopics,
    DescribeConfigs,
    ListOffsets,
}

impl Operation {
    const fn native(self) -> rd::rd_kafka_admin_op_t {
        match self {
            Self::CreateTopics => rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS,
            Self::DeleteTopics => rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETETOPICS,
            Self::DescribeConfigs => rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
            Self::ListOffsets => rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        }
    }

    const fn event(self) -> i32 {
        match self {
            Self::CreateTopics => rd::RD_KAFKA_EVENT_CREATETOPICS_RESULT,
            Self::DeleteTopics => rd::RD_KAFKA_EVENT_DELETETOPICS_RESULT,
            Self::DescribeConfigs => rd::RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT,
            Self::ListOffsets => rd::RD_KAFKA_EVENT_LISTOFFSETS_RESULT,
        }
    }
}

/// Owns topics to be created until the request has copied them.
struct NativeTopics(Vec<*mut rd::rd_kafka_NewTopic_t>);

impl NativeTopics {
    fn push(&mut self, topic: &NewTopic) -> Result<(), AdminError> {
        let zero = |_| AdminError::ZeroByte { what: "a topic's name or setting" };
        let name = CString::new(topic.name.as_str()).map_err(zero)?;
        let mut reason = [0 as c_char; 512];
        // SAFETY: strings end in a zero byte; the buffer's size is given with it.
        unsafe {
            let native = rd::rd_kafka_NewTopic_new(
                name.as_ptr(),
                topic.partitions,
                topic.replication_factor,
                reason.as_mut_ptr(),
                reason.len(),
            );
            if native.is_null() {
                let reason = text(reason.as_ptr());
                return Err(KafkaError::with_reason(ErrorCode::INVALID_ARGUMENT, reason).into());
            }
            self.0.push(native);
            for (key, value) in &topic.configs {
                let key = CString::new(key.as_str()).map_err(zero)?;
                let value = CString::new(value.as_str()).map_err(zero)?;
                rd::rd_kafka_NewTopic_set_config(native, key.as_ptr(), value.as_ptr());
            }
        }
        Ok(())
    }
}

impl Drop for NativeTopics {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { rd::rd_kafka_NewTopic_destroy_array(self.0.as_mut_ptr(), self.0.len()) };
    }
}

/// # Safety
///
/// `topic` points to an entry of live metadata.
unsafe fn one_topic(
    topic: *const rd::rd_kafka_metadata_topic,
) -> Result<TopicMetadata, AdminError> {
    // SAFETY: says the caller.
    unsafe {
        let name = text((*topic).topic);
        let code = std::ptr::addr_of!((*topic).err).cast::<i32>().read();
        topic_outcome(&name, ErrorCode::from_raw(code), String::new())?;
        Ok(TopicMetadata { name, partitions: (*topic).partition_cnt })
    }
}

/// # Safety
///
/// `results` points to `count` live results.
unsafe fn topic_results(
    results: *mut *const rd::rd_kafka_topic_result_t,
    count: usize,
) -> BTreeMap<String, Result<(), AdminError>> {
    // SAFETY: says the caller.
    unsafe {
        slice(results, count)
            .iter()
            .map(|result| {
                let topic = text(rd::rd_kafka_topic_result_name(*result));
                let code = ErrorCode::from_raw(rd::rd_kafka_topic_result_error(*result) as i32);
                let reason = text(rd::rd_kafka_topic_result_error_string(*result));
                let outcome = topic_outcome(&topic, code, reason);
                (topic, outcome)
            })
            .collect()
    }
}

/// A result's code in this layer's terms.
fn topic_outcome(topic: &str, code: ErrorCode, reason: String) -> Result<(), AdminError> {
    match code {
        ErrorCode::NONE => Ok(()),
        ErrorCode::TOPIC_ALREADY_EXISTS => {
            Err(AdminError::AlreadyExists { topic: topic.to_owned() })
        }
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::LOCAL_UNKNOWN_TOPIC => {
            Err(AdminError::UnknownTopic { topic: topic.to_owned() })
        }
        code => Err(KafkaError::with_reason(code, reason).into()),
    }
}

/// # Safety
///
/// `ptr` is null or points to `count` elements that outlive the result.
unsafe fn slice<'a, T>(ptr: *const T, count: usize) -> &'a [T] {
    if ptr.is_null() {
        return &[];
    }
    // SAFETY: says the caller.
    unsafe { std::slice::from_raw_parts(ptr, count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_cluster::{TestCluster, settings, unreachable};

    const LONG: Duration = Duration::from_secs(10);

    #[test]
    fn topics_and_offsets_are_found() {
        let cluster = TestCluster::start(&[("a", 3)]);
        let admin = Admin::new(&settings(Role::Admin, &cluster, &[])).unwrap();
        let expected = TopicMetadata { name: "a".to_owned(), partitions: 3 };
        assert_eq!(admin.topics(LONG).unwrap(), std::slice::from_ref(&expected));
        assert_eq!(admin.topic("a", LONG).unwrap(), expected);
        let partitions = [TopicPartition::new("a", 0), TopicPartition::new("a", 2)];
        for at in [OffsetAt::Earliest, OffsetAt::Latest] {
            let offsets = admin.offsets(&partitions, at, LONG).unwrap();
            assert_eq!(offsets, partitions.iter().map(|p| (p.clone(), 0)).collect());
        }
    }

    #[test]
    fn a_question_for_a_topic_does_not_create_it() {
        let cluster = TestCluster::start(&[("a", 1)]);
        let admin = Admin::new(&settings(Role::Admin, &cluster, &[])).unwrap();
        let unknown = AdminError::UnknownTopic { topic: "b".to_owned() };
        assert_eq!(admin.topic("b", LONG), Err(unknown.clone()));
        let offsets = admin.offsets(&[TopicPartition::new("b", 0)], OffsetAt::Latest, LONG);
        assert_eq!(offsets, Err(unknown));
        assert_eq!(admin.topics(LONG).unwrap().len(), 1);
    }

    #[test]
    fn a_cluster_that_is_not_there_is_said_with_the_reason() {
        let admin = Admin::new(&unreachable(Role::Admin)).unwrap();
        let error = admin.topics(Duration::from_millis(300)).unwrap_err();
        assert!(error.is_retriable());
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1") && text.contains("refused"), "{text}");
    }
}
