//! Input that no honest peer sends: nothing panics, and memory is bounded by the input's size.

use bytes::Bytes;

use super::allocations::peak_of;
use super::every_message::with_every_message;
use super::sample::{Random, Sample};
use crate::header::RequestHeader;
use crate::messages::{self, metadata, produce};
use crate::wire::Version;
use crate::{DecodeError, Decoder, Encoder, Message};
use crate::{group_records, metadata_records, transaction_records};

/// Bytes that reading may take for each byte of input: the largest structure over its smallest size
/// on the wire, twice while a list grows.
const COST_PER_BYTE: usize = 200;
/// Room for the lists that are made before their first element is read, at each level of nesting.
const COST_OF_FIRST: usize = 700_000;
const MUTATIONS: usize = 60;

fn encoded<M: Message>(message: &M, version: i16) -> Vec<u8> {
    let mut e = Encoder::new();
    message.encode(&mut e, version).unwrap();
    e.finish().unwrap().into_bytes().unwrap().to_vec()
}

fn read<M: Message>(input: &[u8], version: i16) -> Result<M, DecodeError> {
    let frame = Bytes::copy_from_slice(input);
    let mut result = None;
    let peak = peak_of(|| {
        let mut d = Decoder::new(frame);
        result = Some(M::decode(&mut d, version).and_then(|m| d.expect_end().map(|()| m)));
    });
    let limit = COST_OF_FIRST + input.len() * COST_PER_BYTE;
    assert!(peak <= limit, "{} v{version}: {peak} bytes for {input:?}", M::NAME);
    result.expect("the work was done")
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.splice(at..at, [0x7f, 0xff, 0xff, 0xff])),
            2 if at + 4 <= bytes.len() => {
                bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
            }
            3 if at + 5 <= bytes.len() => {
                bytes[at..at + 5].copy_from_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
            }
            4 => bytes.truncate(at),
            _ if at < bytes.len() => bytes[at] = 0xff,
            _ => {}
        }
    }
}

fn check<M: Message + Sample>() -> usize {
    let mut frames = 0;
    for number in M::VERSIONS {
        let at = Version { number, flexible: number >= M::FLEXIBLE_FROM };
        for seed in 0..6 {
            let mut random = Random::new(seed);
            let bytes = encoded(&M::sample(&mut random, at), number);
            for end in 0..bytes.len() {
                assert!(read::<M>(&bytes[..end], number).is_err(), "{} v{number} cut", M::NAME);
            }
            for _ in 0..MUTATIONS {
                let mut hostile = bytes.clone();
                mutate(&mut hostile, &mut random);
                // A mutation may hit a value only; what is read must then be written to be read again.
                if let Ok(message) = read::<M>(&hostile, number) {
                    let again = encoded(&message, number);
                    let read_again = read::<M>(&again, number).unwrap();
                    assert_eq!(encoded(&read_again, number), again);
                }
            }
            frames += bytes.len() + MUTATIONS;
        }
    }
    frames
}

macro_rules! check_all {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        #[test]
        fn cut_and_mutated_messages_cost_no_more_than_their_size() {
            let mut frames = 0;
            $(
                frames += check::<messages::$module::$request>();
                frames += check::<messages::$module::$response>();
            )*
            assert!(frames >= 100_000, "only {frames} frames were tried");
        }
    };
}

with_every_message!(check_all);

#[test]
fn cut_and_mutated_records_of_internal_topics_cost_no_more_than_their_size() {
    check::<group_records::OffsetCommitKey>();
    check::<group_records::OffsetCommitValue>();
    check::<group_records::GroupMetadataValue>();
    check::<transaction_records::TransactionLogValue>();
    check::<metadata_records::PartitionRecord>();
    check::<metadata_records::PartitionChangeRecord>();
    check::<metadata_records::RegisterBrokerRecord>();
    check::<metadata_records::ConfigRecord>();
}

#[test]
fn array_that_claims_two_thousand_million_elements_is_refused() {
    // Transactional id null, acks, timeout, then the count of topics.
    let frame = [0xff, 0xff, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff];
    assert_eq!(
        read::<produce::ProduceRequest>(&frame, 3),
        Err(DecodeError::TooManyElements { field: "topic_data", count: 0x7fff_ffff })
    );
    let mut padded = vec![0, 0x0f, 0xff, 0xff];
    padded.resize(1_000_000, 0);
    assert_eq!(
        read::<metadata::MetadataRequest>(&padded, 1),
        Err(DecodeError::TooManyElements { field: "topics", count: 0xf_ffff })
    );
}

#[test]
fn null_in_a_field_that_has_none_is_refused_by_name() {
    assert_eq!(
        read::<metadata::MetadataRequest>(&[0xff, 0xff, 0xff, 0xff], 0),
        Err(DecodeError::UnexpectedNull { field: "topics", version: 0 })
    );
    assert_eq!(
        read::<metadata::MetadataRequest>(&[0xff, 0xff, 0xff, 0xff], 1).unwrap().topics,
        None
    );
}

#[test]
fn random_bytes_are_no_header_or_one_that_fits_them() {
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        let bytes = Bytes::sample(&mut random, Version { number: 0, flexible: false });
        let mut d = Decoder::new(bytes.clone());
        if RequestHeader::decode(&mut d).is_ok() {
            assert!(d.position() <= bytes.len());
        }
    }
}

#[test]
fn produced_records_are_a_slice_of_the_frame() {
    let records = Bytes::from(vec![7; 10_000]);
    let request = produce::ProduceRequest {
        topic_data: vec![produce::TopicProduceData {
            name: "t".to_owned(),
            partition_data: vec![produce::PartitionProduceData {
                index: 0,
                records: Some(records.into()),
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let frame = Bytes::from(encoded(&request, 9));
    let mut d = Decoder::new(frame.clone());
    let mut decoded = produce::ProduceRequest::default();
    let peak = peak_of(|| decoded = produce::ProduceRequest::decode(&mut d, 9).unwrap());
    assert!(peak < 2_000, "{peak}");
    let records = decoded.topic_data[0].partition_data[0].records.clone().unwrap();
    let slice = records.into_bytes().unwrap();
    assert!(frame.as_ptr_range().contains(&slice.as_ptr()));
}
