//! What the declarations say about versions agrees among themselves.

use super::every_message::with_every_message;
use crate::messages;
use crate::{DecodeError, Decoder, EncodeError, Encoder, Message, Request};

#[track_caller]
fn check<R: Request>() {
    assert_eq!(R::FLEXIBLE_FROM, R::KEY.flexible_from(), "{}", R::NAME);
    assert_eq!(R::FLEXIBLE_FROM, R::Response::FLEXIBLE_FROM, "{}", R::NAME);
    assert_eq!(R::VERSIONS, R::Response::VERSIONS, "{}", R::NAME);
    assert_eq!(R::NAME, format!("{}Request", R::KEY));
    assert_eq!(R::Response::NAME, format!("{}Response", R::KEY));
    for version in [R::VERSIONS.start() - 1, R::VERSIONS.end() + 1] {
        let decoded = R::decode(&mut Decoder::new(bytes::Bytes::new()), version);
        assert_eq!(decoded, Err(DecodeError::UnsupportedVersion { message: R::NAME, version }));
        let encoded = R::default().encode(&mut Encoder::new(), version);
        assert_eq!(encoded, Err(EncodeError::UnsupportedVersion { message: R::NAME, version }));
    }
}

macro_rules! check_requests {
    ($($module:ident: $request:ident, $response:ident;)*) => {
        #[test]
        fn request_response_and_key_agree_on_names_and_versions() {
            $(check::<messages::$module::$request>();)*
        }
    };
}

with_every_message!(check_requests);
