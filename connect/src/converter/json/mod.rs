//! `org.apache.kafka.connect.json.JsonConverter`: JSON, with or without the schema beside it.
//!
//! | `schemas.enable` | bytes |
//! |---|---|
//! | true (default) | `{"schema":{…},"payload":…}`; exactly these two members are read |
//! | false | the payload alone; integers are read as int64, other numbers as float64 |
//!
//! | module | holds |
//! |---|---|
//! | [`converter`] | [`JsonConverter`], its settings, the envelope |
//! | [`schema`] | a schema's JSON form, both ways |
//! | [`read`], [`write`] | a value's JSON form, each way |

pub mod converter;
pub mod read;
pub mod schema;
pub mod write;

pub use converter::JsonConverter;
