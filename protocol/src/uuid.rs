//! Topic ids and other UUIDs, in the text form that Kafka uses: URL-safe base64 without padding.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A 128-bit identifier; all zero bits mean "none" on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UuidError {
    /// A character outside the alphabet, or a length that no byte sequence has.
    #[error("`{text}` is not URL-safe base64")]
    NotBase64 {
        /// What was read.
        text: String,
    },
    /// Well-formed base64 of another number of bytes.
    #[error("`{text}` holds {bytes} bytes, expected 16")]
    WrongLength {
        /// What was read.
        text: String,
        /// How many bytes it encodes.
        bytes: usize,
    },
}

impl Uuid {
    /// The identifier that means "none".
    pub const ZERO: Self = Self([0; 16]);

    /// Makes a new random identifier that does not begin with `-` in text, so that it can follow an
    /// option of a command line tool.
    pub fn random() -> Self {
        loop {
            let bytes = uuid::Uuid::new_v4().into_bytes();
            // 0b111110 is `-` in the first base64 character.
            if bytes[0] >> 2 != 0b11_1110 {
                return Self(bytes);
            }
        }
    }

    /// Whether this is the identifier that means "none".
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    fn from_str(text: &str) -> Result<Self, UuidError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|_| UuidError::NotBase64 { text: text.to_owned() })?;
        let count = bytes.len();
        let bytes = bytes
            .try_into()
            .map_err(|_| UuidError::WrongLength { text: text.to_owned(), bytes: count })?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_kafka_prints() {
        let id = Uuid(0x1234_5678_9abc_def0_fedc_ba98_7654_3210_u128.to_be_bytes());
        assert_eq!(id.to_string(), "EjRWeJq83vD-3LqYdlQyEA");
        assert_eq!("EjRWeJq83vD-3LqYdlQyEA".parse(), Ok(id));
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }

    #[test]
    fn text_of_another_length_or_alphabet_is_refused() {
        assert!(matches!("AAAA".parse::<Uuid>(), Err(UuidError::WrongLength { bytes: 3, .. })));
        assert!(matches!("????".parse::<Uuid>(), Err(UuidError::NotBase64 { .. })));
    }

    #[test]
    fn random_ids_differ_and_never_begin_with_a_dash() {
        let ids: Vec<_> = (0..2000).map(|_| Uuid::random()).collect();
        assert!(ids.iter().all(|id| !id.to_string().starts_with('-')));
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
