//! Converters: the bytes of a topic ⇄ a value with its schema.
//!
//! | module | Java names |
//! |---|---|
//! | [`string`] | `…connect.storage.StringConverter` |
//! | [`json`] | `…connect.json.JsonConverter` |
//! | [`bytes`] | `…connect.converters.ByteArrayConverter` |
//! | [`avro`] | `io.confluent.connect.avro.AvroConverter` |
//! | [`number`] | `…connect.converters.{Short,Integer,Long,Float,Double,Boolean}Converter` |
//! | [`header`] | `…connect.storage.SimpleHeaderConverter`, and any converter as a header converter |

pub mod avro;
pub mod bytes;
pub mod header;
pub mod json;
pub mod number;
pub mod string;
