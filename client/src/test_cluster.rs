//! A cluster for unit tests: librdkafka's mock brokers in this process.

use std::collections::BTreeMap;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::settings::{ClientSettings, Role};

/// One mock broker.
pub(crate) struct TestCluster {
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl TestCluster {
    /// Starts a broker with these topics and their numbers of partitions.
    pub(crate) fn start(topics: &[(&str, i32)]) -> Self {
        let mock = MockCluster::new(1).unwrap();

        for (topic, partitions) in topics {
            mock.create_topic(topic, *partitions, 1).unwrap();
        }
        Self { mock }
    }

    /// Where it listens.
    pub(crate) fn bootstrap_servers(&self) -> String {
        self.mock.bootstrap_servers()
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
