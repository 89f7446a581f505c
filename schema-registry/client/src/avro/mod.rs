//! Avro schemas as a registry must keep them: everything that was written, printed as Java prints.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`] | the model: [`Schema`], [`Node`], [`Kind`] |
//! | [`parser`] | JSON text → model, bounded, strict for new schemas and lenient for stored ones |
//! | [`printer`] | model → text as Java's `Schema.toString` writes it |
//! | [`normal`] | normalised form, parsing canonical form and its Rabin fingerprint |
//! | [`equivalence`] | whether two schemas are the same but for layout |
//! | [`default_value`] | whether a default fits its type |
//! | [`json`] | JSON reader with limits, and writer in Jackson's layout |
//!
//! Source: the Avro 1.12 specification; texts and errors follow Apache Avro for Java.

pub mod default_value;
pub mod equivalence;
mod error;
pub mod json;
pub mod normal;
pub mod parser;
pub mod printer;
pub mod schema;

pub use error::SchemaError;
pub use parser::{Limits, Strictness};
pub use schema::{
    Enumeration, Field, Fixed, Kind, Name, Node, NodeId, Order, Properties, Record, Schema,
};
