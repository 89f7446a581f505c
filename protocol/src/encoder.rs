//! Writing of the wire's primitive types into one frame.
//!
//! Record data is not copied into the frame: it is noted at its place and comes out of
//! [`Encoder::finish`] as a part of its own, so that a server can send a range of a file instead.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Records, Uuid, varint};

/// Record data of at most this size is copied into the frame: another part would cost more.
const COPY_AT_MOST: usize = 512;
/// Length of the field before a frame that says how long the frame is.
const SIZE_PREFIX: usize = 4;

/// Why a message cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A null where the message's schema has none.
    #[error("field {field} is null, which is not allowed at version {version}")]
    UnexpectedNull {
        /// Name of the field in the schema.
        field: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// A value of more bytes or elements than its length field can say.
    #[error("field {field} has the length {length}, limit {limit}")]
    TooLong {
        /// Name of the field in the schema.
        field: &'static str,
        /// Bytes of a string, elements of an array.
        length: usize,
        /// Highest length.
        limit: usize,
    },
    /// A version that the message does not have.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// Name of the message in the schema.
        message: &'static str,
        /// What was asked for.
        version: i16,
    },
    /// A frame that its size field cannot describe.
    #[error("frame of {size} bytes, limit {}", i32::MAX)]
    FrameTooLarge {
        /// Bytes of the frame.
        size: usize,
    },
    /// Record data outside the frame, where the whole frame was asked for.
    #[error("record data {id} of {len} bytes is not in memory")]
    External {
        /// What stands for the data.
        id: usize,
        /// Bytes of the data.
        len: usize,
    },
}

/// A stretch of an encoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Bytes to be sent as they are.
    Bytes(Bytes),
    /// Record data that the caller holds, see [`Records::External`].
    External {
        /// What stands for the data.
        id: usize,
        /// Bytes of the data.
        len: usize,
    },
}

impl Part {
    /// Returns the size in bytes.
    pub const fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::External { len, .. } => *len,
        }
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An encoded frame, to be sent part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The stretches in order; none is empty.
    pub parts: Vec<Part>,
}

impl Encoded {
    /// Returns the size of all parts in bytes.
    pub fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum()
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Joins the parts, by copying when there are several.
    ///
    /// # Errors
    ///
    /// [`EncodeError::External`] when a part is not in memory.
    pub fn into_bytes(mut self) -> Result<Bytes, EncodeError> {
        if self.parts.len() == 1
            && let Some(Part::Bytes(bytes)) =
                self.parts.pop_if(|part| matches!(part, Part::Bytes(_)))
        {
            return Ok(bytes);
        }
        let mut joined = BytesMut::with_capacity(self.len());
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => joined.put_slice(bytes),
                Part::External { id, len } => {
                    return Err(EncodeError::External { id: *id, len: *len });
                }
            }
        }
        Ok(joined.freeze())
    }
}

/// Record data that belongs into the frame before the byte at `position` of the buffer.
#[derive(Debug)]
struct Splice {
    position: usize,
    part: Part,
}

/// The writing end of one frame.
#[derive(Debug, Default)]
pub struct Encoder {
    buffer: BytesMut,
    splices: Vec<Splice>,
    spliced: usize,
    framed: bool,
}

impl Encoder {
    /// Begins a message without a size before it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a frame: [`Encoder::finish`] puts the size of all that follows into its first four bytes.
    pub fn framed() -> Self {
        let mut buffer = BytesMut::with_capacity(256);
        buffer.put_i32(0);
        Self { buffer, framed: true, ..Self::default() }
    }

    /// Returns how many bytes were written, record data included.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.spliced
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the frame.
    ///
    /// # Errors
    ///
    /// [`EncodeError::FrameTooLarge`] when the size field cannot hold the size.
    pub fn finish(mut self) -> Result<Encoded, EncodeError> {
        if self.framed {
            let size = self.len() - SIZE_PREFIX;
            let prefix = i32::try_from(size).map_err(|_| EncodeError::FrameTooLarge { size })?;
            self.buffer[..SIZE_PREFIX].copy_from_slice(&prefix.to_be_bytes());
        }
        let frame = self.buffer.freeze();
        let mut parts = Vec::with_capacity(self.splices.len() * 2 + 1);
        let mut begin = 0;
        for splice in self.splices {
            if splice.position > begin {
                parts.push(Part::Bytes(frame.slice(begin..splice.position)));
            }
            parts.push(splice.part);
            begin = splice.position;
        }
        if begin < frame.len() {
            parts.push(Part::Bytes(frame.slice(begin..)));
        }
        Ok(Encoded { parts })
    }

    /// Writes an 8-bit integer.
    #[inline]
    pub fn write_i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    /// Writes a 16-bit integer.
    #[inline]
    pub fn write_i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// Writes an unsigned 16-bit integer.
    #[inline]
    pub fn write_u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    /// Writes a 32-bit integer.
    #[inline]
    pub fn write_i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    /// Writes an unsigned 32-bit integer.
    #[inline]
    pub fn write_u32(&mut self, value: u32) {
        self.buffer.put_u32(value);
    }

    /// Writes a 64-bit integer.
    #[inline]
    pub fn write_i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    /// Writes a 64-bit floating point number.
    #[inline]
    pub fn write_f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    /// Writes a truth value.
    #[inline]
    pub fn write_bool(&mut self, value: bool) {
        self.buffer.put_u8(u8::from(value));
    }

    /// Writes the 16 bytes of an identifier.
    #[inline]
    pub fn write_uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(&value.0);
    }

    /// Writes an unsigned integer of one to five bytes.
    #[inline]
    pub fn write_uvarint(&mut self, value: u32) {
        varint::write(&mut self.buffer, u64::from(value));
    }

    /// Writes bytes without a length before them.
    #[inline]
    pub fn write_raw(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// Writes the length of a string, or that there is none.
    #[inline]
    pub(crate) fn string_length(
        &mut self,
        length: Option<usize>,
        flexible: bool,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        // Even in the flexible encoding, Kafka's own writer refuses a longer string.
        let limit = i16::MAX;
        let signed = match length {
            None => -1,
            Some(length) => i16::try_from(length).map_err(|_| EncodeError::TooLong {
                field,
                length,
                limit: usize::from(limit.unsigned_abs()),
            })?,
        };
        if flexible {
            self.write_uvarint((i32::from(signed) + 1).cast_unsigned());
        } else {
            self.write_i16(signed);
        }
        Ok(())
    }

    /// Writes the length of bytes, records or an array, or that there is none.
    #[inline]
    pub(crate) fn long_length(
        &mut self,
        length: Option<usize>,
        flexible: bool,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        let signed = match length {
            None => -1,
            Some(length) => i32::try_from(length).map_err(|_| EncodeError::TooLong {
                field,
                length,
                limit: i32::MAX.unsigned_abs() as usize,
            })?,
        };
        if flexible {
            self.write_uvarint(signed.wrapping_add(1).cast_unsigned());
        } else {
            self.write_i32(signed);
        }
        Ok(())
    }

    /// Writes record data; large or outside data becomes a part of its own.
    pub(crate) fn records(&mut self, records: &Records) {
        let part = match records {
            Records::Bytes(bytes) if bytes.len() <= COPY_AT_MOST => {
                self.buffer.put_slice(bytes);
                return;
            }
            Records::Bytes(bytes) => Part::Bytes(bytes.clone()),
            Records::External { len: 0, .. } => return,
            Records::External { len, id } => Part::External { id: *id, len: *len },
        };
        self.spliced += part.len();
        self.splices.push(Splice { position: self.buffer.len(), part });
    }

    /// Writes one tagged field: tag, size, content.
    pub(crate) fn tagged_field(
        &mut self,
        tag: u32,
        write: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let begin = self.buffer.len();
        let spliced = self.spliced;
        write(self)?;
        let size = self.buffer.len() - begin + self.spliced - spliced;
        let size = u32::try_from(size).map_err(|_| EncodeError::FrameTooLarge { size })?;
        let mut prefix = BytesMut::new();
        varint::write(&mut prefix, u64::from(tag));
        varint::write(&mut prefix, u64::from(size));
        self.buffer.put_slice(&prefix);
        self.buffer[begin..].rotate_right(prefix.len());
        for splice in self.splices.iter_mut().rev().take_while(|splice| splice.position >= begin) {
            splice.position += prefix.len();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_data_becomes_a_part_and_counts_in_the_frame_size() {
        let mut e = Encoder::framed();
        e.write_i16(7);
        e.records(&Records::External { len: 1000, id: 3 });
        e.write_i16(8);
        let large = Bytes::from(vec![1; COPY_AT_MOST + 1]);
        e.records(&Records::Bytes(large.clone()));
        let encoded = e.finish().unwrap();
        assert_eq!(encoded.len(), 4 + 4 + 1000 + large.len());
        let size = 4 + 1000 + large.len();
        let mut first = i32::try_from(size).unwrap().to_be_bytes().to_vec();
        first.extend([0, 7]);
        assert_eq!(
            encoded.parts,
            [
                Part::Bytes(first.into()),
                Part::External { id: 3, len: 1000 },
                Part::Bytes(Bytes::from_static(&[0, 8])),
                Part::Bytes(large.clone()),
            ]
        );
        let Part::Bytes(last) = &encoded.parts[3] else { panic!("{:?}", encoded.parts) };
        assert_eq!(last.as_ptr(), large.as_ptr());
        assert_eq!(encoded.into_bytes(), Err(EncodeError::External { id: 3, len: 1000 }));
    }

    #[test]
    fn small_record_data_is_copied_into_the_frame() {
        let mut e = Encoder::new();
        e.records(&Records::Bytes(Bytes::from_static(b"abc")));
        assert_eq!(e.finish().unwrap().parts, [Part::Bytes(Bytes::from_static(b"abc"))]);
    }

    #[test]
    fn tagged_field_moves_its_record_data_behind_its_prefix() {
        let mut e = Encoder::new();
        e.write_i8(9);
        e.tagged_field(5, |e| {
            e.write_i8(1);
            e.records(&Records::External { len: 200, id: 0 });
            e.write_i8(2);
            Ok(())
        })
        .unwrap();
        assert_eq!(
            e.finish().unwrap().parts,
            [
                Part::Bytes(Bytes::from_static(&[9, 5, 0xca, 1, 1])),
                Part::External { id: 0, len: 200 },
                Part::Bytes(Bytes::from_static(&[2])),
            ]
        );
    }

    #[test]
    fn string_longer_than_its_length_field_is_refused() {
        let error = Encoder::new().string_length(Some(40_000), true, "name").unwrap_err();
        assert_eq!(error, EncodeError::TooLong { field: "name", length: 40_000, limit: 32_767 });
    }
}
