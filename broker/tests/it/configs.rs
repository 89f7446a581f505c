//! `DescribeConfigs`: every setting, its value, and where it comes from.

use protocol::ErrorCode;
use protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};

use crate::harness::{Client, TestBroker};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn request(resource_type: i8, name: &str) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configuration_keys: None,
    };
    DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    }
}

async fn configs(
    client: &mut Client,
    resource_type: i8,
    name: &str,
    version: i16,
) -> Vec<DescribeConfigsResourceResult> {
    let mut response = client.call(&request(resource_type, name), version).await;
    let result = response.results.remove(0);
    assert_eq!((result.error_code, result.error_message.as_deref()), (0, Some("")));
    result.configs
}

#[track_caller]
fn check(configs: &[DescribeConfigsResourceResult], name: &str, value: &str, source: i8) {
    let found = configs.iter().find(|config| config.name == name).expect(name);
    assert_eq!((found.value.as_deref(), found.config_source), (Some(value), source), "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_lists_every_setting_with_its_source() {
    let broker = TestBroker::start_with(&[("log.retention.hours", "1")]).await;
    let mut client = broker.connect().await;
    client.create_topic("t", 1, &[("cleanup.policy", "compact")]).await;
    for version in 1..=4 {
        let configs = configs(&mut client, TOPIC, "t", version).await;
        check(&configs, "cleanup.policy", "compact", 1);
        check(&configs, "retention.ms", "3600000", 4);
        check(&configs, "segment.bytes", "1073741824", 5);
        check(&configs, "max.message.bytes", "1048588", 5);
        let policy = configs.iter().find(|config| config.name == "cleanup.policy").unwrap();
        let synonyms: Vec<(&str, i8)> =
            policy.synonyms.iter().map(|synonym| (synonym.name.as_str(), synonym.source)).collect();
        assert_eq!(synonyms, [("cleanup.policy", 1), ("log.cleanup.policy", 5)]);
        if version >= 3 {
            assert_eq!(policy.config_type, 7);
            assert!(!policy.documentation.clone().unwrap().is_empty());
        }
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_lists_its_file_and_the_defaults() {
    let broker = TestBroker::start_with(&[("num.partitions", "7")]).await;
    let mut client = broker.connect().await;
    let all = configs(&mut client, BROKER, "1", 4).await;
    check(&all, "num.partitions", "7", 4);
    check(&all, "auto.create.topics.enable", "true", 5);
    assert!(all.iter().all(|config| config.read_only));
    assert!(configs(&mut client, BROKER, "", 4).await.is_empty());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_keys_asked_for_are_answered() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let mut request = request(BROKER, "1");
    request.resources[0].configuration_keys = Some(vec!["num.partitions".to_owned()]);
    let response = client.call(&request, 4).await;
    let names: Vec<&str> =
        response.results[0].configs.iter().map(|config| config.name.as_str()).collect();
    assert_eq!(names, ["num.partitions"]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_an_error() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for (resource_type, name, expected) in [
        (TOPIC, "missing", ErrorCode::UnknownTopicOrPartition),
        (TOPIC, "../x", ErrorCode::InvalidTopicException),
        (BROKER, "99", ErrorCode::InvalidRequest),
        (77, "x", ErrorCode::InvalidRequest),
    ] {
        let response = client.call(&request(resource_type, name), 4).await;
        assert_eq!(ErrorCode::from_code(response.results[0].error_code), Some(expected));
    }
    broker.stop().await;
}
