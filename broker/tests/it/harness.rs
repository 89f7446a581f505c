//! A broker in a temporary directory on a free port, and a client that speaks in frames.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use broker::{Broker, BrokerConfig, RunningBroker, StartError};
use bytes::{Bytes, BytesMut};
use protocol::header::{ResponseHeader, request_frame};
use protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use protocol::records::{BatchBuilder, Batches, Compression, NewRecord, Record, RecordIter};
use protocol::{Decoder, Message, Records, Request};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time that any answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running broker, and its data directory unless that belongs to the test.
pub(crate) struct TestBroker {
    pub(crate) running: RunningBroker,
    pub(crate) directory: TempDir,
}

/// The settings of a test's broker.
pub(crate) fn settings(directory: &Path, extra: &[(&str, &str)]) -> BrokerConfig {
    let mut map = BTreeMap::from([
        ("log.dirs".to_owned(), directory.display().to_string()),
        ("listeners".to_owned(), "PLAINTEXT://localhost:0".to_owned()),
    ]);
    for (key, value) in extra {
        map.insert((*key).to_owned(), (*value).to_owned());
    }
    BrokerConfig::from_map(map).unwrap()
}

impl TestBroker {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(extra: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), extra).await.unwrap()
    }

    pub(crate) async fn start_in(
        directory: TempDir,
        extra: &[(&str, &str)],
    ) -> Result<Self, StartError> {
        let running = Broker::start(settings(directory.path(), extra)).await?;
        Ok(Self { running, directory })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.listeners()[0]
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// Stops the broker and gives the directory back.
    pub(crate) async fn stop(self) -> TempDir {
        self.running.shutdown().await.unwrap();
        self.directory
    }

    pub(crate) async fn restart(self, extra: &[(&str, &str)]) -> Self {
        let directory = self.stop().await;
        Self::start_in(directory, extra).await.unwrap()
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// Sends a request and returns its correlation id.
    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) -> i32 {
        self.correlation_id += 1;
        let frame = request_frame(request, version, self.correlation_id, Some("test")).unwrap();
        self.stream.write_all(&frame.into_bytes().unwrap()).await.unwrap();
        self.correlation_id
    }

    /// Reads the next frame, without its length; none when the connection is closed.
    pub(crate) async fn read_frame(&mut self) -> Option<Bytes> {
        let read = async {
            let length = self.stream.read_i32().await.ok()?;
            let mut frame = BytesMut::zeroed(usize::try_from(length).unwrap());
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(frame.freeze())
        };
        timeout(PATIENCE, read).await.expect("an answer in time")
    }

    pub(crate) async fn receive<R: Request>(&mut self, id: i32, version: i16) -> R::Response {
        let frame = self.read_frame().await.expect("the connection is open");
        let mut decoder = Decoder::new(frame);
        let header = ResponseHeader::decode(&mut decoder, R::KEY, version).unwrap();
        assert_eq!(header.correlation_id, id);
        let response = R::Response::decode(&mut decoder, version).unwrap();
        decoder.expect_end().unwrap();
        response
    }

    pub(crate) async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let id = self.send(request, version).await;
        self.receive::<R>(id, version).await
    }

    pub(crate) async fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) {
        let response = self.call(&create_request(name, partitions, configs), 7).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
    }

    pub(crate) async fn produce(&mut self, topic: &str, batch: Bytes) -> PartitionProduceResponse {
        let mut response = self.call(&produce_request(topic, 0, -1, batch), 9).await;
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Fetches partition 0 from an offset on, without waiting.
    pub(crate) async fn fetch(&mut self, topic: &str, offset: i64) -> PartitionData {
        let mut response = self.call(&fetch_request(topic, 0, offset), 12).await;
        response.responses.remove(0).partitions.remove(0)
    }

    /// Every value of partition 0, read to its end.
    pub(crate) async fn values(&mut self, topic: &str) -> Vec<String> {
        let mut values = Vec::new();
        let mut offset = 0;
        loop {
            let data = self.fetch(topic, offset).await;
            assert_eq!(data.error_code, 0);
            let records = records(&data);
            let Some(last) = records.last() else { return values };
            offset = last.offset + 1;
            values.extend(records.iter().map(value));
        }
    }
}

pub(crate) fn create_request(
    name: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> CreateTopicsRequest {
    let configs = configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
        })
        .collect();
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: 1,
        configs,
        ..CreatableTopic::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() }
}

pub(crate) fn produce_request(topic: &str, index: i32, acks: i16, batch: Bytes) -> ProduceRequest {
    let partition_data = vec![PartitionProduceData { index, records: Some(Records::Bytes(batch)) }];
    let name = topic.to_owned();
    let topic = TopicProduceData { name, partition_data, ..TopicProduceData::default() };
    ProduceRequest {
        acks,
        timeout_ms: 10_000,
        topic_data: vec![topic],
        ..ProduceRequest::default()
    }
}

pub(crate) fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let partition = FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..FetchPartition::default()
    };
    let topic = FetchTopic {
        topic: topic.to_owned(),
        partitions: vec![partition],
        ..FetchTopic::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        session_epoch: -1,
        topics: vec![topic],
        ..FetchRequest::default()
    }
}

/// A batch of records that have these values and no keys.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(Compression::None, values)
}

pub(crate) fn batch_with(compression: Compression, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(compression);
    for value in values {
        builder.push(NewRecord {
            timestamp: 1_700_000_000_000,
            key: None,
            value: Some(value.as_bytes()),
            headers: &[],
        });
    }
    builder.build().unwrap()
}

/// The bytes that a partition answered.
pub(crate) fn record_bytes(data: &PartitionData) -> Bytes {
    data.records.clone().and_then(Records::into_bytes).unwrap_or_default()
}

/// The records that a partition answered.
pub(crate) fn records(data: &PartitionData) -> Vec<Record> {
    let bytes = record_bytes(data);
    let mut records = Vec::new();
    for batch in Batches::new(&bytes) {
        let batch = Bytes::copy_from_slice(batch.unwrap().1);
        records.extend(RecordIter::new(&batch, 1 << 26).unwrap().map(Result::unwrap));
    }
    records
}

pub(crate) fn value(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap_or_default().to_vec()).unwrap()
}
