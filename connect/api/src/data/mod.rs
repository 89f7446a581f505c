//! The data model: schemas, values, structs, logical types, and their text form.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`] | [`Schema`], [`SchemaBuilder`], [`Field`] |
//! | [`value`] | [`Value`], [`Struct`], checks of a value against a schema |
//! | [`logical`] | `Decimal`, `Date`, `Time`, `Timestamp`: names, schemas, conversions |
//! | [`text`] | how values print, as Java's `toString` does |

pub mod logical;
pub mod schema;
pub mod text;
pub mod value;

pub use logical::Decimal;
pub use schema::{Field, Schema, SchemaBuilder, SchemaType};
pub use value::{Struct, Value};
