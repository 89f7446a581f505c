//! The bytes around a record's key or value that name its schema.
//!
//! | form | bytes |
//! |---|---|
//! | by id | `00`, id `u32` big-endian, payload |
//! | by guid | `01`, guid 16 bytes; in a record header, the payload then stands bare |
//!
//! A reader takes the header first, then the prefix, and either form in either place. Source:
//! `SchemaId` of Confluent's serialisers.

use std::fmt;

/// First byte of the form by id.
pub const MAGIC_ID: u8 = 0;
/// First byte of the form by guid.
pub const MAGIC_GUID: u8 = 1;
/// Name of the record header that holds the schema of the key.
pub const KEY_HEADER: &str = "__key_schema_id";
/// Name of the record header that holds the schema of the value.
pub const VALUE_HEADER: &str = "__value_schema_id";
/// Bytes of the form by id before the payload.
pub const ID_LEN: usize = 5;
/// Bytes of the form by guid before the payload.
pub const GUID_LEN: usize = 17;

/// How a record names its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaName {
    /// By the number that the registry gave.
    Id(i32),
    /// By the hash of its content.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaName {
    /// A number, or the form of a UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Guid(guid) => {
                for (place, byte) in guid.iter().enumerate() {
                    let dash = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// Why bytes are not in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Shorter than the smallest envelope.
    #[error("{len} bytes are too few for a schema id")]
    TooShort {
        /// How many bytes there are.
        len: usize,
    },
    /// Something else than an envelope.
    #[error("unknown magic byte {found}")]
    UnknownMagic {
        /// The first byte.
        found: u8,
    },
}

/// Writes the envelope of an id; the payload goes behind it.
pub fn write_id(out: &mut Vec<u8>, id: i32) {
    out.push(MAGIC_ID);
    out.extend_from_slice(&id.to_be_bytes());
}

/// Splits an envelope from its payload.
///
/// # Errors
///
/// [`EnvelopeError`] when the bytes do not begin with an envelope.
pub fn split(bytes: &[u8]) -> Result<(SchemaName, &[u8]), EnvelopeError> {
    let too_short = EnvelopeError::TooShort { len: bytes.len() };
    let (&magic, rest) = bytes.split_first().ok_or(too_short)?;
    match magic {
        MAGIC_ID => {
            let (id, payload) = rest.split_first_chunk().ok_or(too_short)?;
            Ok((SchemaName::Id(i32::from_be_bytes(*id)), payload))
        }
        MAGIC_GUID => {
            let (guid, payload) = rest.split_first_chunk().ok_or(too_short)?;
            Ok((SchemaName::Guid(*guid), payload))
        }
        found => Err(EnvelopeError::UnknownMagic { found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<(SchemaName, &[u8]), EnvelopeError>) {
        assert_eq!(split(bytes), expected);
    }

    #[test]
    fn an_id_is_four_bytes_behind_a_zero() {
        let mut bytes = Vec::new();
        write_id(&mut bytes, 0x0102_0304);
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
        bytes.push(9);
        check(&bytes, Ok((SchemaName::Id(0x0102_0304), &[9])));
        check(&[0, 0, 0, 0, 1], Ok((SchemaName::Id(1), &[])));
    }

    #[test]
    fn a_guid_is_sixteen_bytes_behind_a_one() {
        let mut bytes = vec![1];
        bytes.extend([7; 16]);
        check(&bytes, Ok((SchemaName::Guid([7; 16]), &[])));
    }

    #[test]
    fn other_bytes_are_refused() {
        check(&[], Err(EnvelopeError::TooShort { len: 0 }));
        check(&[0, 1, 2, 3], Err(EnvelopeError::TooShort { len: 4 }));
        check(&[1; 16], Err(EnvelopeError::TooShort { len: 16 }));
        check(b"{\"a\":1}", Err(EnvelopeError::UnknownMagic { found: b'{' }));
    }
}
