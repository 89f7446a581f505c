//! `ApiVersions`: what is advertised, and what becomes of versions that are not served.

use protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use protocol::messages::metadata::MetadataRequest;
use protocol::{ApiKey, Decoder, ErrorCode, Message};
use tokio::io::AsyncWriteExt;

use crate::harness::{Client, TestBroker};

fn named(name: &str) -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: name.to_owned(),
        client_software_version: "1.0".to_owned(),
        ..ApiVersionsRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_table_is_answered_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for version in 0..=4 {
        let response = client.call(&named("test"), version).await;
        assert_eq!(response.error_code, 0);
        let table: Vec<(i16, i16, i16)> = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, api.min_version, api.max_version))
            .collect();
        let expected: Vec<(i16, i16, i16)> = broker::api_versions_table()
            .into_iter()
            .map(|(_, key, min, max)| (key, min, max))
            .collect();
        assert_eq!(table, expected);
        assert!(response.supported_features.is_empty());
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_version_is_answered_in_version_0_and_the_connection_stays_open() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let frame: &[u8] = &[0, 0, 0, 12, 0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0, 0];
    client.stream.write_all(frame).await.unwrap();
    let answer = client.read_frame().await.unwrap();
    assert_eq!(answer[..4], [0, 0, 0, 5]);
    let mut decoder = Decoder::new(answer.slice(4..));
    let response = ApiVersionsResponse::decode(&mut decoder, 0).unwrap();
    decoder.expect_end().unwrap();
    assert_eq!(response.error_code, ErrorCode::UnsupportedVersion.code());
    assert_eq!(response.api_keys.len(), 1);
    assert_eq!(response.api_keys[0].api_key, ApiKey::ApiVersions.code());
    assert_eq!(client.call(&named("test"), 3).await.error_code, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_client_name_is_an_invalid_request() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let response = client.call(&named("-no-"), 3).await;
    assert_eq!(response.error_code, ErrorCode::InvalidRequest.code());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_another_api_that_is_not_served_closes_the_connection() {
    let broker = TestBroker::start().await;
    for header in [[0, 3, 0, 99], [3, 0xe7, 0, 0]] {
        let mut client = broker.connect().await;
        let mut frame = vec![0, 0, 0, 10];
        frame.extend_from_slice(&header);
        frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
        client.stream.write_all(&frame).await.unwrap();
        assert!(client.read_frame().await.is_none());
    }
    let mut other: Client = broker.connect().await;
    assert_eq!(other.call(&MetadataRequest::default(), 9).await.brokers.len(), 1);
    broker.stop().await;
}
