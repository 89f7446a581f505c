//! Variable-length integers: seven bits to a byte, lowest first, the top bit set on all but the last.
//!
//! Signed values are zig-zag folded (0, -1, 1, -2 … become 0, 1, 2, 3 …), as in Protocol Buffers.

use bytes::{BufMut, BytesMut};

/// Why bytes are not a variable-length integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VarintError {
    /// The bytes end before the integer does.
    Truncated,
    /// The integer has more than 64 bits.
    TooLong,
}

/// Reads an unsigned integer; returns it and how many bytes it takes.
#[inline]
pub(crate) fn read(bytes: &[u8]) -> Result<(u64, usize), VarintError> {
    if let [first, ..] = bytes
        && *first < 0x80
    {
        return Ok((u64::from(*first), 1));
    }
    let mut value = 0;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return Err(VarintError::TooLong);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok((value, index + 1));
        }
    }
    Err(if bytes.len() < 10 { VarintError::Truncated } else { VarintError::TooLong })
}

/// Reads a zig-zag folded integer; returns it and how many bytes it takes.
#[inline]
pub(crate) fn read_signed(bytes: &[u8]) -> Result<(i64, usize), VarintError> {
    read(bytes).map(|(folded, length)| (unfold(folded), length))
}

/// Appends an unsigned integer.
#[inline]
pub(crate) fn write(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.put_u8(low_byte(value));
}

/// Appends a zig-zag folded integer.
#[inline]
pub(crate) fn write_signed(out: &mut BytesMut, value: i64) {
    write(out, fold(value));
}

/// Returns how many bytes an unsigned integer takes.
pub(crate) const fn length(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Returns how many bytes a zig-zag folded integer takes.
pub(crate) const fn signed_length(value: i64) -> usize {
    length(fold(value))
}

const fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

const fn fold(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unfold(folded: u64) -> i64 {
    (folded >> 1).cast_signed() ^ -((folded & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: i64, bytes: &[u8]) {
        let mut out = BytesMut::new();
        write_signed(&mut out, value);
        assert_eq!(&out[..], bytes);
        assert_eq!(signed_length(value), bytes.len());
        assert_eq!(read_signed(bytes), Ok((value, bytes.len())));
    }

    #[test]
    fn signed_values_fold_towards_zero() {
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(63, &[126]);
        check(64, &[0x80, 1]);
        check(300, &[0xd8, 4]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    #[test]
    fn unfinished_and_oversized_values_are_told_apart() {
        assert_eq!(read(&[]), Err(VarintError::Truncated));
        assert_eq!(read(&[0x80, 0x80]), Err(VarintError::Truncated));
        assert_eq!(read(&[0xff; 10]), Err(VarintError::TooLong));
        let mut above = [0x80; 10];
        above[9] = 2;
        assert_eq!(read(&above), Err(VarintError::TooLong));
    }
}
