//! What precedes a request and a response in its frame.
//!
//! | field | request header 1 | request header 2 | response header 0 | response header 1 |
//! |---|---|---|---|---|
//! | API key `i16`, API version `i16` | yes | yes | | |
//! | correlation id `i32` | yes | yes | yes | yes |
//! | client id, nullable, length `i16` | yes | yes | | |
//! | tagged fields | | yes | | yes |
//!
//! The client id has a length of 16 bits even in header 2, so that a broker can read it before it
//! knows whether it supports the version. Before each header stands the size of the frame, an `i32`.

use crate::wire::{Nullable as _, Version};
use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoded, Encoder, Message, Request};

const CLASSIC: Version = Version { number: 1, flexible: false };

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestHeader {
    /// Number of the API, which may be one that is not known.
    pub api_key: i16,
    /// Version of the request and of the response.
    pub api_version: i16,
    /// Number that the response repeats.
    pub correlation_id: i32,
    /// Name that the client gives itself.
    pub client_id: Option<String>,
}

/// The header of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseHeader {
    /// Number of the request that is answered.
    pub correlation_id: i32,
}

impl RequestHeader {
    /// Returns the API, or nothing for a number that this version does not know.
    pub const fn key(&self) -> Option<ApiKey> {
        ApiKey::from_code(self.api_key)
    }

    /// Reads a header of the version that its first fields imply. Of an unknown API, version 1 is
    /// read: enough to say who asked.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are not a header.
    pub fn decode(d: &mut Decoder) -> Result<Self, DecodeError> {
        let api_key = d.read_i16()?;
        let api_version = d.read_i16()?;
        let correlation_id = d.read_i32()?;
        let client_id = String::read_nullable(d, CLASSIC, "client_id")?;
        let header = Self { api_key, api_version, correlation_id, client_id };
        if header.key().is_some_and(|key| key.request_header_version(api_version) >= 2) {
            d.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header in the version that its API and API version imply.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] for a client id of more than 32,767 bytes.
    pub fn encode(&self, e: &mut Encoder) -> Result<(), EncodeError> {
        e.write_i16(self.api_key);
        e.write_i16(self.api_version);
        e.write_i32(self.correlation_id);
        String::write_nullable(self.client_id.as_ref(), e, CLASSIC, "client_id")?;
        if self.key().is_some_and(|key| key.request_header_version(self.api_version) >= 2) {
            e.write_uvarint(0);
        }
        Ok(())
    }
}

impl ResponseHeader {
    /// Reads the header of a response of this API and version.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the bytes are not a header.
    pub fn decode(d: &mut Decoder, key: ApiKey, api_version: i16) -> Result<Self, DecodeError> {
        let header = Self { correlation_id: d.read_i32()? };
        if key.response_header_version(api_version) >= 1 {
            d.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header of a response of this API and version.
    pub fn encode(self, e: &mut Encoder, key: ApiKey, api_version: i16) {
        e.write_i32(self.correlation_id);
        if key.response_header_version(api_version) >= 1 {
            e.write_uvarint(0);
        }
    }
}

/// Writes a whole request frame: size, header, request.
///
/// # Errors
///
/// [`EncodeError`] when the version does not exist or a value does not fit it.
pub fn request_frame<R: Request>(
    request: &R,
    api_version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Encoded, EncodeError> {
    let client_id = client_id.map(str::to_owned);
    let header = RequestHeader { api_key: R::KEY.code(), api_version, correlation_id, client_id };
    let mut e = Encoder::framed();
    header.encode(&mut e)?;
    request.encode(&mut e, api_version)?;
    e.finish()
}

/// Writes a whole response frame: size, header, response. `api_version` is the one of the request;
/// the body of an `ApiVersions` response to an unknown version is to be written at version 0.
///
/// # Errors
///
/// [`EncodeError`] when the version does not exist or a value does not fit it.
pub fn response_frame<M: Message>(
    response: &M,
    key: ApiKey,
    api_version: i16,
    correlation_id: i32,
) -> Result<Encoded, EncodeError> {
    let mut e = Encoder::framed();
    ResponseHeader { correlation_id }.encode(&mut e, key, api_version);
    response.encode(&mut e, api_version)?;
    e.finish()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(header: &RequestHeader, bytes: &[u8]) {
        let mut e = Encoder::new();
        header.encode(&mut e).unwrap();
        assert_eq!(&e.finish().unwrap().into_bytes().unwrap()[..], bytes);
        let mut d = Decoder::new(Bytes::copy_from_slice(bytes));
        assert_eq!(&RequestHeader::decode(&mut d).unwrap(), header);
        d.expect_end().unwrap();
    }

    #[test]
    fn client_id_keeps_its_short_length_in_the_flexible_header() {
        let header = RequestHeader {
            api_key: 18,
            api_version: 3,
            correlation_id: 7,
            client_id: Some("me".to_owned()),
        };
        check(&header, &[0, 18, 0, 3, 0, 0, 0, 7, 0, 2, b'm', b'e', 0]);
        let classic = RequestHeader { api_version: 2, client_id: None, ..header.clone() };
        check(&classic, &[0, 18, 0, 2, 0, 0, 0, 7, 0xff, 0xff]);
        let unknown = RequestHeader { api_key: 999, ..header };
        check(&unknown, &[3, 0xe7, 0, 3, 0, 0, 0, 7, 0, 2, b'm', b'e']);
    }

    #[test]
    fn answer_to_api_versions_has_no_tagged_fields_in_its_header() {
        for (key, version, length) in [(ApiKey::ApiVersions, 3, 4), (ApiKey::Metadata, 9, 5)] {
            let mut e = Encoder::new();
            ResponseHeader { correlation_id: 1 }.encode(&mut e, key, version);
            assert_eq!(e.len(), length);
            let frame = e.finish().unwrap().into_bytes().unwrap();
            let mut d = Decoder::new(frame);
            let header = ResponseHeader::decode(&mut d, key, version).unwrap();
            assert_eq!((header.correlation_id, d.remaining()), (1, 0));
        }
    }
}
