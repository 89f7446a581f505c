//! `Produce` in versions 0 to 2: each partition is refused, with the code that says why.
//!
//! They carry record formats that are gone, and are advertised all the same (see `handlers/produce.rs`).
//! The request is version 3 without the transactional id in front; the response differs by what
//! versions 1 and 2 added to it.
//!
//! | response | version 0 | 1 | 2 |
//! |---|---|---|---|
//! | topics: name, partitions: index `i32`, error `i16`, base offset `i64` | yes | yes | yes |
//! | log append time `i64`, in each partition | | | yes |
//! | throttle time `i32` | | yes | yes |

use bytes::{BufMut, Bytes, BytesMut};
use protocol::messages::produce::ProduceRequest;
use protocol::{DecodeError, Decoder, EncodeError, Encoded, Encoder, ErrorCode, Message};

/// The version whose layout is that of the old ones.
const LIKE_VERSION: i16 = 3;

/// The last version that is refused.
pub(crate) const LAST: i16 = 2;

/// Reads the body of an old request.
///
/// # Errors
///
/// [`DecodeError`] when it is none.
pub(crate) fn decode(body: &[u8]) -> Result<ProduceRequest, DecodeError> {
    let mut padded = BytesMut::with_capacity(body.len() + 2);
    padded.put_i16(-1);
    padded.put_slice(body);
    let mut decoder = Decoder::new(padded.freeze());
    let request = ProduceRequest::decode(&mut decoder, LIKE_VERSION)?;
    decoder.expect_end()?;
    Ok(request)
}

/// Writes the refusal of every partition; nothing when the request wants no response.
///
/// # Errors
///
/// [`EncodeError`] when the response is too large for a frame.
pub(crate) fn refuse(
    request: &ProduceRequest,
    version: i16,
    correlation_id: i32,
) -> Result<Option<Encoded>, EncodeError> {
    if request.acks == 0 {
        return Ok(None);
    }
    let mut body = BytesMut::new();
    body.put_i32(correlation_id);
    put_count(&mut body, request.topic_data.len());
    for topic in &request.topic_data {
        // It came in with a length of 16 bits.
        body.put_u16(u16::try_from(topic.name.len()).unwrap_or(0));
        body.put_slice(topic.name.as_bytes());
        put_count(&mut body, topic.partition_data.len());
        for partition in &topic.partition_data {
            body.put_i32(partition.index);
            body.put_i16(ErrorCode::UnsupportedForMessageFormat.code());
            body.put_i64(-1);
            if version >= 2 {
                body.put_i64(-1);
            }
        }
    }
    if version >= 1 {
        body.put_i32(0);
    }
    let mut encoder = Encoder::framed();
    encoder.write_raw(&Bytes::from(body));
    encoder.finish().map(Some)
}

/// Writes how many elements follow: no more than came in with a count of 32 bits.
fn put_count(body: &mut BytesMut, count: usize) {
    body.put_u32(u32::try_from(count).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `acks=1`, one topic `t`, partition 0, four bytes of records.
    const BODY: &[u8] =
        &[0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];

    #[track_caller]
    fn check(version: i16, size: usize) {
        let request = decode(BODY).unwrap();
        let frame = refuse(&request, version, 7).unwrap().unwrap().into_bytes().unwrap();
        assert_eq!(frame.len(), size);
        assert_eq!(frame[4..8], [0, 0, 0, 7]);
        assert_eq!(frame[23..25], ErrorCode::UnsupportedForMessageFormat.code().to_be_bytes());
    }

    #[test]
    fn each_old_version_has_its_own_response() {
        let common = 4 + 4 + 4 + 3 + 4 + 14;
        check(0, common);
        check(1, common + 4);
        check(2, common + 4 + 8);
    }

    #[test]
    fn a_truncated_request_is_refused() {
        assert!(decode(&BODY[..BODY.len() - 1]).is_err());
    }
}
