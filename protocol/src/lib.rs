//! The Kafka wire protocol over bytes: messages, record batches, bounded decoding.
//!
//! | part | content |
//! |---|---|
//! | [`messages`] | requests and responses, one file per API |
//! | [`header`] | what precedes a request and a response in its frame |
//! | [`group_records`], [`transaction_records`], [`metadata_records`] | records of the broker's own topics |
//! | [`records`] | record batches: headers, records, compression, building |
//! | [`Decoder`], [`Encoder`] | the primitive types, bounded by the frame |
//! | [`ApiKey`], [`ErrorCode`], [`Uuid`] | the vocabulary of all messages |
//!
//! Invariants: nothing here does I/O; no input panics; what decoding allocates is bounded by the
//! size of the input times a constant; record data is neither copied nor looked into by the messages.

mod api_key;
mod decoder;
mod encoder;
mod error_code;
pub mod group_records;
pub mod header;
mod message;
pub mod messages;
pub mod metadata_records;
pub mod records;
#[cfg(test)]
mod tests;
pub mod transaction_records;
mod uuid;
mod varint;
mod wire;

pub use api_key::{ApiKey, NEVER};
pub use decoder::{DecodeError, Decoder, MAX_ELEMENTS, MAX_TAGS};
pub use encoder::{EncodeError, Encoded, Encoder, Part};
pub use error_code::ErrorCode;
pub use message::{Message, Request};
pub use records::Records;
pub use uuid::{Uuid, UuidError};
