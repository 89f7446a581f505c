//! Record batches against the `kafka-protocol` crate, with every codec, in both directions.

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as theirs;
use protocol::records::{
    BatchBuilder, BatchHeader, Batches, Compression, NewRecord, Record, RecordIter, verify_crc,
};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

const LIMIT: usize = 10 << 20;

fn their_codec(codec: Compression) -> theirs::Compression {
    match codec {
        Compression::None => theirs::Compression::None,
        Compression::Gzip => theirs::Compression::Gzip,
        Compression::Snappy => theirs::Compression::Snappy,
        Compression::Lz4 => theirs::Compression::Lz4,
        Compression::Zstd => theirs::Compression::Zstd,
    }
}

fn random_bytes(random: &mut StdRng) -> Option<Bytes> {
    let size = random.random_range(0..300);
    random.random_bool(0.8).then(|| (0..size).map(|i| b"wire"[i % 4]).collect())
}

/// Records that both sides can hold: header keys that are text and come once.
fn records(seed: u64) -> Vec<theirs::Record> {
    let random = &mut StdRng::seed_from_u64(seed);
    let first: i64 = random.random_range(0..1 << 40);
    let count = random.random_range(1..200);
    (0..count)
        .map(|index| theirs::Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 5,
            producer_id: 900,
            producer_epoch: 2,
            timestamp_type: theirs::TimestampType::Creation,
            offset: first + index,
            sequence: 40 + i32::try_from(index).unwrap(),
            timestamp: 1_700_000_000_000 + random.random_range(-5_000..5_000),
            key: random_bytes(random),
            value: random_bytes(random),
            headers: (0..random.random_range(0..4))
                .map(|n| (StrBytes::from_string(format!("h{n}ä")), random_bytes(random)))
                .collect::<IndexMap<_, _>>(),
        })
        .collect()
}

#[track_caller]
fn assert_same(ours: &[Record], theirs: &[theirs::Record], case: &str) {
    assert_eq!(ours.len(), theirs.len(), "{case}");
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.offset, theirs.offset, "{case}");
        assert_eq!(ours.timestamp, theirs.timestamp, "{case}");
        assert_eq!(ours.key, theirs.key, "{case}");
        assert_eq!(ours.value, theirs.value, "{case}");
        let headers: Vec<_> = ours.headers.iter().map(|h| (&h.key[..], h.value.clone())).collect();
        let expected: Vec<_> =
            theirs.headers.iter().map(|(key, value)| (key.as_bytes(), value.clone())).collect();
        assert_eq!(headers, expected, "{case}");
    }
}

fn read(batch: &Bytes) -> Vec<Record> {
    RecordIter::new(batch, LIMIT).unwrap().collect::<Result<_, _>>().unwrap()
}

fn written_by_them(records: &[theirs::Record], codec: Compression) -> Bytes {
    let mut out = BytesMut::new();
    let options = theirs::RecordEncodeOptions { version: 2, compression: their_codec(codec) };
    theirs::RecordBatchEncoder::encode(&mut out, records, &options).unwrap();
    out.freeze()
}

#[test]
fn batches_that_another_implementation_writes_are_read() {
    for codec in Compression::ALL {
        for seed in 0..20 {
            let case = format!("{codec:?} seed {seed}");
            let records = records(seed);
            let batch = written_by_them(&records, codec);
            verify_crc(&batch).unwrap();
            let header = BatchHeader::parse(&batch).unwrap();
            assert_eq!(header.size_in_bytes(), batch.len(), "{case}");
            assert_eq!(header.compression(), Ok(codec), "{case}");
            assert_eq!((header.producer_id, header.producer_epoch), (900, 2), "{case}");
            assert_eq!(header.base_sequence, 40, "{case}");
            assert_eq!(header.base_offset, records[0].offset, "{case}");
            assert_eq!(header.last_offset(), records[records.len() - 1].offset, "{case}");
            let latest = records.iter().map(|record| record.timestamp).max().unwrap();
            assert_eq!(header.max_timestamp, latest, "{case}");
            header.check_counts().unwrap();
            assert_same(&read(&batch), &records, &case);
        }
    }
}

fn build(records: &[theirs::Record], codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(codec)
        .base_offset(records[0].offset)
        .leader_epoch(5)
        .producer(900, 2, 40);
    for record in records {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| (key.as_bytes(), value.as_deref())).collect();
        builder.push(NewRecord {
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        });
    }
    builder.build().unwrap()
}

#[test]
fn batches_that_are_written_here_are_read_by_another_implementation() {
    for codec in Compression::ALL {
        for seed in 100..120 {
            let case = format!("{codec:?} seed {seed}");
            let records = records(seed);
            let batch = build(&records, codec);
            verify_crc(&batch).unwrap();
            let decoded = theirs::RecordBatchDecoder::decode(&mut batch.clone()).unwrap();
            assert_eq!(decoded.records, records, "{case}");
            assert_same(&read(&batch), &records, &case);
        }
    }
}

#[test]
fn uncompressed_batches_are_the_same_bytes_on_both_sides() {
    for seed in 200..240 {
        let mut records = records(seed);
        // Theirs measures time from the lowest timestamp, as it may; ours from the first.
        records[0].timestamp = 1_600_000_000_000;
        let batch = build(&records, Compression::None);
        assert_eq!(batch, written_by_them(&records, Compression::None), "seed {seed}");
    }
}

#[test]
fn mutated_batches_end_in_an_error_or_in_other_records() {
    let mut mutated = 0;
    for codec in Compression::ALL {
        let random = &mut StdRng::seed_from_u64(7);
        for seed in 0..8 {
            let records = records(seed);
            let out = written_by_them(&records, codec);
            for _ in 0..200 {
                let mut bytes = out.to_vec();
                for _ in 0..random.random_range(1..4) {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] = random.random();
                }
                bytes.truncate(random.random_range(bytes.len() / 2..=bytes.len()));
                let whole = Batches::new(&bytes).filter_map(Result::ok).count();
                assert!(whole <= bytes.len() / 61);
                if let Ok(records) = RecordIter::new(&bytes.into(), 100_000) {
                    // Bounded by the data, whatever count the header claims.
                    assert!(records.take(200_000).count() <= 100_001);
                }
                mutated += 1;
            }
        }
    }
    assert_eq!(mutated, 8_000);
}

#[test]
fn claimed_number_of_records_reserves_no_memory() {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.push(NewRecord { value: Some(b"v"), ..NewRecord::default() });
    let mut batch = builder.build().unwrap().to_vec();
    batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let results: Vec<_> = RecordIter::new(&batch.into(), LIMIT).unwrap().collect();
    assert!(matches!(results[..], [Ok(_), Err(_)]), "{results:?}");
}
