//! Bounded reading of the wire's primitive types from one frame.
//!
//! Invariants: no read goes past the end of the frame; nothing is allocated for a length or a count
//! before it was checked against the bytes that are left; byte fields are slices of the frame.

use bytes::Bytes;

use crate::Uuid;

/// Most elements of one array.
pub const MAX_ELEMENTS: usize = 1_000_000;
/// Most tagged fields of one structure.
pub const MAX_TAGS: usize = 10_000;
/// Most elements that room is made for before any of them was read.
pub(crate) const INITIAL_ELEMENTS: usize = 1_000;

/// Why bytes are not the message they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame ends inside a value.
    #[error("frame ends at byte {position}: {needed} bytes needed, {remaining} left")]
    Truncated {
        /// Where the value begins.
        position: usize,
        /// How many bytes the value takes at least.
        needed: usize,
        /// How many bytes are left.
        remaining: usize,
    },
    /// A null where the message's schema has none.
    #[error("field {field} is null, which is not allowed at version {version}")]
    UnexpectedNull {
        /// Name of the field in the schema.
        field: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// A length below -1.
    #[error("field {field} has the length {length}")]
    NegativeLength {
        /// Name of the field in the schema.
        field: &'static str,
        /// What was read.
        length: i64,
    },
    /// More elements than a message may have.
    #[error("field {field} has {count} elements, limit {MAX_ELEMENTS}")]
    TooManyElements {
        /// Name of the field in the schema.
        field: &'static str,
        /// What was read.
        count: usize,
    },
    /// More tagged fields than a structure may have.
    #[error("{count} tagged fields, limit {MAX_TAGS}")]
    TooManyTags {
        /// What was read.
        count: usize,
    },
    /// A tag that is not above the one before it.
    #[error("tag {tag} follows tag {previous}")]
    TagOrder {
        /// What was read.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// A tagged field whose content is longer or shorter than its size says.
    #[error("tag {tag} takes {actual} bytes, its size says {size}")]
    TagSize {
        /// The field's tag.
        tag: u32,
        /// The size before the content.
        size: usize,
        /// How many bytes the content takes.
        actual: usize,
    },
    /// Text that is not UTF-8.
    #[error("field {field} is not UTF-8")]
    NotUtf8 {
        /// Name of the field in the schema.
        field: &'static str,
    },
    /// A variable-length integer of more bytes or bits than its type has.
    #[error("variable-length integer at byte {position} does not end")]
    VarintTooLong {
        /// Where the integer begins.
        position: usize,
    },
    /// A version that the message does not have.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// Name of the message in the schema.
        message: &'static str,
        /// What was asked for.
        version: i16,
    },
    /// Bytes after the end of the message.
    #[error("{count} bytes follow the message")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

/// A cursor over one frame.
#[derive(Debug, Clone)]
pub struct Decoder {
    frame: Bytes,
    position: usize,
    end: usize,
}

macro_rules! fixed {
    ($($name:ident: $type:ty, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            ///
            /// # Errors
            ///
            /// [`DecodeError::Truncated`].
            #[inline]
            pub fn $name(&mut self) -> Result<$type, DecodeError> {
                let taken = self.advance(size_of::<$type>())?;
                let mut bytes = [0; size_of::<$type>()];
                bytes.copy_from_slice(&self.frame[taken..taken + size_of::<$type>()]);
                Ok(<$type>::from_be_bytes(bytes))
            }
        )*
    };
}

impl Decoder {
    /// Begins at the first byte of a frame.
    pub const fn new(frame: Bytes) -> Self {
        let end = frame.len();
        Self { frame, position: 0, end }
    }

    /// Returns how many bytes are left.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.end - self.position
    }

    /// Returns how many bytes were read.
    #[inline]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TrailingBytes`].
    pub const fn expect_end(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }

    /// Moves over `count` bytes and returns where they begin.
    #[inline]
    fn advance(&mut self, count: usize) -> Result<usize, DecodeError> {
        if count > self.remaining() {
            return Err(self.truncated(count));
        }
        let begin = self.position;
        self.position += count;
        Ok(begin)
    }

    #[cold]
    const fn truncated(&self, needed: usize) -> DecodeError {
        DecodeError::Truncated { position: self.position, needed, remaining: self.remaining() }
    }

    fixed! {
        read_i8: i8, "Reads an 8-bit integer.";
        read_i16: i16, "Reads a 16-bit integer.";
        read_u16: u16, "Reads an unsigned 16-bit integer.";
        read_i32: i32, "Reads a 32-bit integer.";
        read_u32: u32, "Reads an unsigned 32-bit integer.";
        read_i64: i64, "Reads a 64-bit integer.";
        read_f64: f64, "Reads a 64-bit floating point number.";
    }

    /// Reads a truth value: every byte but 0 is true.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`].
    #[inline]
    pub fn read_bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read_i8()? != 0)
    }

    /// Reads the 16 bytes of an identifier.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`].
    pub fn read_uuid(&mut self) -> Result<Uuid, DecodeError> {
        let begin = self.advance(16)?;
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.frame[begin..begin + 16]);
        Ok(Uuid(bytes))
    }

    /// Reads an unsigned integer of one to five bytes, seven bits in each, lowest first.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`], [`DecodeError::VarintTooLong`].
    #[inline]
    pub fn read_uvarint(&mut self) -> Result<u32, DecodeError> {
        let value = self.read_uvarlong()?;
        u32::try_from(value).map_err(|_| DecodeError::VarintTooLong { position: self.position })
    }

    /// Reads an unsigned integer of one to ten bytes, seven bits in each, lowest first.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`], [`DecodeError::VarintTooLong`].
    #[inline]
    pub fn read_uvarlong(&mut self) -> Result<u64, DecodeError> {
        match crate::varint::read(&self.frame[self.position..self.end]) {
            Ok((value, length)) => {
                self.position += length;
                Ok(value)
            }
            Err(crate::varint::VarintError::Truncated) => Err(self.truncated(self.remaining() + 1)),
            Err(crate::varint::VarintError::TooLong) => {
                Err(DecodeError::VarintTooLong { position: self.position })
            }
        }
    }

    /// Takes the next bytes as a slice of the frame, without copying.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`].
    pub fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let begin = self.advance(length)?;
        Ok(self.frame.slice(begin..begin + length))
    }

    /// Moves over bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`].
    pub fn skip(&mut self, length: usize) -> Result<(), DecodeError> {
        self.advance(length).map(|_| ())
    }

    /// Reads the length of a string: 16 bits, or in the flexible encoding a varint one too high.
    #[inline]
    pub(crate) fn string_length(
        &mut self,
        flexible: bool,
        field: &'static str,
    ) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.compact_length();
        }
        let length = self.read_i16()?;
        signed_length(i64::from(length), field)
    }

    /// Reads the length of bytes, records or an array: 32 bits, or in the flexible encoding a varint
    /// one too high.
    #[inline]
    pub(crate) fn long_length(
        &mut self,
        flexible: bool,
        field: &'static str,
    ) -> Result<Option<usize>, DecodeError> {
        if flexible {
            return self.compact_length();
        }
        let length = self.read_i32()?;
        signed_length(i64::from(length), field)
    }

    /// Reads a count of array elements, each of at least one byte.
    #[inline]
    pub(crate) fn count(
        &mut self,
        flexible: bool,
        field: &'static str,
    ) -> Result<Option<usize>, DecodeError> {
        let Some(count) = self.long_length(flexible, field)? else { return Ok(None) };
        if count > MAX_ELEMENTS {
            return Err(DecodeError::TooManyElements { field, count });
        }
        if count > self.remaining() {
            return Err(self.truncated(count));
        }
        Ok(Some(count))
    }

    #[inline]
    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        let raw = self.read_uvarint()?;
        Ok(raw.checked_sub(1).map(|length| length as usize))
    }

    /// Takes a string of the given length.
    pub(crate) fn text(
        &mut self,
        length: usize,
        field: &'static str,
    ) -> Result<String, DecodeError> {
        let begin = self.advance(length)?;
        std::str::from_utf8(&self.frame[begin..begin + length])
            .map(str::to_owned)
            .map_err(|_| DecodeError::NotUtf8 { field })
    }

    /// Reads a section of tagged fields. `read` is asked for each tag in turn; it returns false for
    /// a tag that it does not know, which is skipped.
    pub(crate) fn tagged_fields(
        &mut self,
        mut read: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.read_uvarint()? as usize;
        if count > MAX_TAGS {
            return Err(DecodeError::TooManyTags { count });
        }
        let mut previous = None;
        for _ in 0..count {
            let tag = self.read_uvarint()?;
            if let Some(previous) = previous.filter(|previous| tag <= *previous) {
                return Err(DecodeError::TagOrder { tag, previous });
            }
            previous = Some(tag);
            let size = self.read_uvarint()? as usize;
            if size > self.remaining() {
                return Err(self.truncated(size));
            }
            let begin = self.position;
            let outer_end = std::mem::replace(&mut self.end, begin + size);
            let known = read(self, tag)?;
            self.end = outer_end;
            if !known {
                self.position = begin + size;
            } else if self.position != begin + size {
                let actual = self.position - begin;
                return Err(DecodeError::TagSize { tag, size, actual });
            }
        }
        Ok(())
    }
}

fn signed_length(length: i64, field: &'static str) -> Result<Option<usize>, DecodeError> {
    if length == -1 {
        return Ok(None);
    }
    let length =
        usize::try_from(length).map_err(|_| DecodeError::NegativeLength { field, length })?;
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(bytes: &[u8]) -> Decoder {
        Decoder::new(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn count_beyond_the_frame_is_refused_before_memory_is_reserved() {
        let mut hostile = decoder(&[0x00, 0x0f, 0x00, 0x00, 1, 2, 3]);
        let error = hostile.count(false, "topics").unwrap_err();
        assert_eq!(error, DecodeError::Truncated { position: 4, needed: 983_040, remaining: 3 });
        let mut hostile = decoder(&[0x7f, 0xff, 0xff, 0xff, 1, 2, 3]);
        let error = hostile.count(false, "topics").unwrap_err();
        assert_eq!(error, DecodeError::TooManyElements { field: "topics", count: 0x7fff_ffff });
    }

    #[test]
    fn lengths_below_minus_one_are_refused() {
        let error = decoder(&[0xff, 0xfe]).string_length(false, "name").unwrap_err();
        assert_eq!(error, DecodeError::NegativeLength { field: "name", length: -2 });
        assert_eq!(decoder(&[0xff, 0xff]).string_length(false, "name"), Ok(None));
        assert_eq!(decoder(&[0]).string_length(true, "name"), Ok(None));
        assert_eq!(decoder(&[1]).string_length(true, "name"), Ok(Some(0)));
    }

    #[test]
    fn unknown_tags_are_skipped_and_known_ones_read() {
        let mut input = decoder(&[3, 1, 1, 9, 4, 2, 8, 8, 7, 1, 5, 0x55]);
        let mut seen = Vec::new();
        input
            .tagged_fields(|d, tag| {
                if tag == 4 {
                    return Ok(false);
                }
                seen.push((tag, d.read_i8()?));
                Ok(true)
            })
            .unwrap();
        assert_eq!(seen, [(1, 9), (7, 5)]);
        assert_eq!(input.remaining(), 1);
    }

    #[track_caller]
    fn check_tags(bytes: &[u8], expected: DecodeError) {
        let result = decoder(bytes).tagged_fields(|d, _| d.read_i16().map(|_| true));
        assert_eq!(result, Err(expected));
    }

    #[test]
    fn malformed_tag_sections_are_refused() {
        check_tags(&[0x91, 0x4e], DecodeError::TooManyTags { count: 10_001 });
        check_tags(&[2, 3, 2, 0, 0, 3, 2, 0, 0], DecodeError::TagOrder { tag: 3, previous: 3 });
        check_tags(&[1, 0, 3, 0, 0, 0], DecodeError::TagSize { tag: 0, size: 3, actual: 2 });
        check_tags(
            &[1, 0, 1, 0, 0, 0],
            DecodeError::Truncated { position: 3, needed: 2, remaining: 1 },
        );
        check_tags(&[1, 0, 9, 0], DecodeError::Truncated { position: 3, needed: 9, remaining: 1 });
    }

    #[test]
    fn taken_bytes_share_the_frame() {
        let frame = Bytes::from_static(b"header-records");
        let mut input = Decoder::new(frame.clone());
        input.skip(7).unwrap();
        let records = input.take(7).unwrap();
        assert_eq!(records.as_ptr(), frame[7..].as_ptr());
        assert!(input.expect_end().is_ok());
    }
}
