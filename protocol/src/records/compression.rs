//! The codecs of record batches, as Kafka's clients frame them.
//!
//! | codec | framing |
//! |---|---|
//! | gzip | RFC 1952, one or more members |
//! | snappy | written with the framing of Java's snappy library: 82 `SNAPPY` 00, version `i32`, lowest compatible version `i32`, then blocks of length `i32` and raw snappy; read with or without it |
//! | lz4 | LZ4 frame format, blocks of at most 64 KiB that do not depend on each other |
//! | zstd | RFC 8878 |
//!
//! Invariant: reading stops at the limit that the caller sets, whatever the data claims.

use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

const SNAPPY_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const SNAPPY_HEADER: usize = 16;
const SNAPPY_VERSION: i32 = 1;
const SNAPPY_BLOCK: usize = 32 * 1024;
/// Above the highest ratio that raw snappy reaches: 64 bytes from a copy of 3.
const SNAPPY_RATIO: usize = 32;
const ZSTD_LEVEL: i32 = 3;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Deflate.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard; only for clients that produce with version 7 and fetch with version 10 or above.
    Zstd,
}

/// Why data does not compress or decompress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// The data is not what the codec makes.
    #[error("malformed {} data", codec.name())]
    Malformed {
        /// The codec that was tried.
        codec: Compression,
    },
    /// The data is larger than the caller accepts.
    #[error("{} data is larger than {limit} bytes", codec.name())]
    LimitExceeded {
        /// The codec that was tried.
        codec: Compression,
        /// Most bytes that the caller accepts.
        limit: usize,
    },
}

impl Compression {
    /// Every codec.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Returns the number in bits 0 to 2 of a batch's attributes.
    pub const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Returns the codec of that number.
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns the name in settings, for example `lz4`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Returns the codec of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Compresses `data` at the codec's default level and appends the result to `out`.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Malformed`] when the codec's library refuses the data.
    pub fn compress(self, data: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
        let done = match self {
            Self::None => {
                out.extend_from_slice(data);
                true
            }
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(data).and_then(|()| encoder.finish().map(|_| ())).is_ok()
            }
            Self::Snappy => compress_snappy(data, out).is_ok(),
            Self::Lz4 => {
                let frame = FrameInfo::new()
                    .block_size(BlockSize::Max64KB)
                    .block_mode(BlockMode::Independent);
                let mut encoder = FrameEncoder::with_frame_info(frame, out);
                encoder.write_all(data).is_ok() && encoder.finish().is_ok()
            }
            Self::Zstd => zstd::stream::copy_encode(data, out, ZSTD_LEVEL).is_ok(),
        };
        if done { Ok(()) } else { Err(CompressionError::Malformed { codec: self }) }
    }

    /// Decompresses all of `data` into at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`CompressionError`].
    pub fn decompress(self, data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
        match self {
            Self::None if data.len() > limit => {
                Err(CompressionError::LimitExceeded { codec: self, limit })
            }
            Self::None => Ok(data.to_vec()),
            Self::Gzip => self.read_all(MultiGzDecoder::new(data), limit),
            Self::Snappy => decompress_snappy(data, limit),
            Self::Lz4 => self.read_all(FrameDecoder::new(data), limit),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(data)
                    .map_err(|_| CompressionError::Malformed { codec: self })?;
                self.read_all(decoder, limit)
            }
        }
    }

    fn read_all(self, reader: impl Read, limit: usize) -> Result<Vec<u8>, CompressionError> {
        let mut out = Vec::new();
        // One byte above the limit tells data of that size from larger data.
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        reader
            .take(most)
            .read_to_end(&mut out)
            .map_err(|_| CompressionError::Malformed { codec: self })?;
        if out.len() > limit {
            return Err(CompressionError::LimitExceeded { codec: self, limit });
        }
        Ok(out)
    }
}

fn compress_snappy(data: &[u8], out: &mut Vec<u8>) -> Result<(), snap::Error> {
    out.extend_from_slice(SNAPPY_MAGIC);
    out.extend_from_slice(&SNAPPY_VERSION.to_be_bytes());
    out.extend_from_slice(&SNAPPY_VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in data.chunks(SNAPPY_BLOCK) {
        let begin = out.len() + size_of::<u32>();
        out.resize(begin + snap::raw::max_compress_len(block.len()), 0);
        let size = encoder.compress(block, &mut out[begin..])?;
        let prefix =
            u32::try_from(size).expect("a block of 32 KiB compresses to fewer than 2^32 bytes");
        out[begin - size_of::<u32>()..begin].copy_from_slice(&prefix.to_be_bytes());
        out.truncate(begin + size);
    }
    Ok(())
}

fn decompress_snappy(data: &[u8], limit: usize) -> Result<Vec<u8>, CompressionError> {
    const MALFORMED: CompressionError = CompressionError::Malformed { codec: Compression::Snappy };
    let mut out = Vec::new();
    let mut decoder = snap::raw::Decoder::new();
    let Some(framed) = data.strip_prefix(SNAPPY_MAGIC) else {
        append_snappy_block(&mut decoder, data, limit, &mut out)?;
        return Ok(out);
    };
    let mut rest = framed.get(SNAPPY_HEADER - SNAPPY_MAGIC.len()..).ok_or(MALFORMED)?;
    while !rest.is_empty() {
        let (prefix, blocks) = rest.split_first_chunk().ok_or(MALFORMED)?;
        let size = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| MALFORMED)?;
        let (block, following) = blocks.split_at_checked(size).ok_or(MALFORMED)?;
        append_snappy_block(&mut decoder, block, limit, &mut out)?;
        rest = following;
    }
    Ok(out)
}

fn append_snappy_block(
    decoder: &mut snap::raw::Decoder,
    block: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    const MALFORMED: CompressionError = CompressionError::Malformed { codec: Compression::Snappy };
    let size = snap::raw::decompress_len(block).map_err(|_| MALFORMED)?;
    if size > limit.saturating_sub(out.len()) {
        return Err(CompressionError::LimitExceeded { codec: Compression::Snappy, limit });
    }
    if size > block.len().saturating_mul(SNAPPY_RATIO) {
        return Err(MALFORMED);
    }
    let begin = out.len();
    out.resize(begin + size, 0);
    let written = decoder.decompress(block, &mut out[begin..]).map_err(|_| MALFORMED)?;
    out.truncate(begin + written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(size: usize) -> Vec<u8> {
        (0..size).map(|i| b"the quick brown fox"[(i * i / 7) % 19]).collect()
    }

    fn compressed(codec: Compression, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        codec.compress(data, &mut out).unwrap();
        out
    }

    #[test]
    fn every_codec_returns_what_it_was_given() {
        for codec in Compression::ALL {
            for size in [0, 1, 100, 32 * 1024, 32 * 1024 + 1, 300_000] {
                let data = text(size);
                let packed = compressed(codec, &data);
                assert_eq!(codec.decompress(&packed, size).unwrap(), data, "{codec:?} {size}");
                assert_eq!(Compression::from_code(codec.code()), Some(codec));
                assert_eq!(Compression::from_name(codec.name()), Some(codec));
            }
        }
    }

    #[test]
    fn output_above_the_limit_is_refused() {
        for codec in Compression::ALL {
            let packed = compressed(codec, &vec![0; 200_000]);
            assert_eq!(
                codec.decompress(&packed, 199_999),
                Err(CompressionError::LimitExceeded { codec, limit: 199_999 })
            );
        }
    }

    #[test]
    fn damaged_data_is_an_error_or_other_data_but_never_a_panic() {
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let packed = compressed(codec, &text(5_000));
            for at in 0..packed.len() {
                let mut damaged = packed.clone();
                damaged[at] ^= 0xff;
                for hostile in [&damaged[..], &packed[..at]] {
                    let size = codec.decompress(hostile, 10_000).map_or(0, |data| data.len());
                    assert!(size <= 10_000, "{codec:?} at {at}: {size}");
                }
            }
        }
    }

    #[test]
    fn snappy_is_read_without_the_java_framing() {
        let data = text(70_000);
        let raw = snap::raw::Encoder::new().compress_vec(&data).unwrap();
        assert_eq!(Compression::Snappy.decompress(&raw, 70_000).unwrap(), data);
    }

    #[test]
    fn snappy_claim_of_a_size_it_cannot_reach_is_refused() {
        let claim = [0xff, 0xff, 0xff, 0x7f, 0];
        assert_eq!(
            Compression::Snappy.decompress(&claim, usize::MAX),
            Err(CompressionError::Malformed { codec: Compression::Snappy })
        );
    }
}
