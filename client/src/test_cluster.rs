//! A cluster for unit tests: librdkafka's mock brokers in this process.

#![expect(unsafe_code, reason = "calls into librdkafka")]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as rd;

use crate::error::{ErrorCode, KafkaError};
use crate::native::{Callbacks, Conf, Handle, Kind, text};
use crate::settings::{ClientSettings, Role};

/// One mock broker, whose groups do not wait for more members.
pub(crate) struct TestCluster {
    mock: *mut rd::rd_kafka_mock_cluster_t,
    /// The client in which the broker lives; dropped after it.
    _host: Handle,
}

/// The host of a mock broker hears nothing.
struct Deaf;

impl Callbacks for Deaf {
    fn error(&self, _: KafkaError) {}

    fn delivered(&self, _: u64, _: Result<(i32, i64), KafkaError>) {}

    unsafe fn rebalance(
        &self,
        _: *mut rd::rd_kafka_t,
        _: ErrorCode,
        _: *mut rd::rd_kafka_topic_partition_list_t,
    ) {
    }
}

impl TestCluster {
    /// Starts a broker with these topics and their numbers of partitions.
    pub(crate) fn start(topics: &[(&str, i32)]) -> Self {
        let host = Handle::new(Kind::Producer, Conf::new(), Arc::new(Deaf)).unwrap();
        // SAFETY: the host is live, and outlives the broker.
        unsafe {
            let mock = rd::rd_kafka_mock_cluster_new(host.as_ptr(), 1);
            assert!(!mock.is_null());
            rd::rd_kafka_mock_group_initial_rebalance_delay_ms(mock, 0);
            for (topic, partitions) in topics {
                let topic = CString::new(*topic).unwrap();
                rd::rd_kafka_mock_topic_create(mock, topic.as_ptr(), *partitions, 1);
            }
            Self { mock, _host: host }
        }
    }

    /// Where it listens.
    pub(crate) fn bootstrap_servers(&self) -> String {
        // SAFETY: the broker is live.
        unsafe { text(rd::rd_kafka_mock_cluster_bootstraps(self.mock)) }
    }
}

impl TestCluster {
    /// Lets each answer come so much later from now on.
    pub(crate) fn slow_down(&self, answers: Duration) {
        const ONLY_BROKER: i32 = 1;
        let ms = i32::try_from(answers.as_millis()).unwrap();
        // SAFETY: the broker is live.
        let code = unsafe { rd::rd_kafka_mock_broker_set_rtt(self.mock, ONLY_BROKER, ms) };
        assert_eq!(ErrorCode::from_raw(code as i32), ErrorCode::NONE);
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        // SAFETY: ours, and its host is still live.
        unsafe { rd::rd_kafka_mock_cluster_destroy(self.mock) };
    }
}

/// Settings for a client of the cluster.
pub(crate) fn settings(role: Role, cluster: &TestCluster, more: &[(&str, &str)]) -> ClientSettings {
    from_pairs(role, &cluster.bootstrap_servers(), more)
}

/// Settings for a client of a port where nobody listens.
pub(crate) fn unreachable(role: Role) -> ClientSettings {
    from_pairs(role, "127.0.0.1:1", &[])
}

fn from_pairs(role: Role, servers: &str, more: &[(&str, &str)]) -> ClientSettings {
    let mut properties: BTreeMap<String, String> =
        more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    ClientSettings::from_properties(role, &properties).unwrap()
}
