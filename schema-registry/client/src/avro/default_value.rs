//! Whether the default of a field fits the field's type, by Java Avro's rules.
//!
//! A union's default fits if it fits any branch. A record's default may lack fields that have
//! defaults of their own.

use serde_json::Value;

use super::error::SchemaError;
use super::json::{self, cut};
use super::schema::{Kind, NodeId, Schema};

/// Levels of types that a default is followed through; a record that is its own default ends here.
const MAX_DEPTH: usize = 200;
/// Types looked at for one default.
const MAX_STEPS: usize = 100_000;

/// Checks the defaults of all fields from the given node on.
///
/// # Errors
///
/// `InvalidDefault` for the first that does not fit.
pub(super) fn check_defaults(schema: &Schema, first: usize) -> Result<(), SchemaError> {
    for node in schema.nodes.iter().skip(first) {
        let Kind::Record(record) = &node.kind else { continue };
        for field in &record.fields {
            let Some(default) = &field.default else { continue };
            if !fits(schema, field.schema, default) {
                return Err(SchemaError::InvalidDefault {
                    field: field.name.clone(),
                    default: cut(&json::to_string(default)),
                    schema: cut(&schema.print_node(field.schema)),
                });
            }
        }
    }
    Ok(())
}

/// Tells whether a default fits a type.
#[must_use]
pub fn fits(schema: &Schema, id: NodeId, value: &Value) -> bool {
    Check { schema, steps: MAX_STEPS }.fits(id, Some(value), 0)
}

struct Check<'a> {
    schema: &'a Schema,
    steps: usize,
}

impl Check<'_> {
    fn fits(&mut self, id: NodeId, value: Option<&Value>, depth: usize) -> bool {
        let Some(value) = value else { return false };
        if depth > MAX_DEPTH || self.steps == 0 {
            return false;
        }
        self.steps -= 1;
        let schema = self.schema;
        match &schema.node(id).kind {
            Kind::Null => value.is_null(),
            Kind::Boolean => value.is_boolean(),
            Kind::Int => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            Kind::Long => value.as_i64().is_some(),
            Kind::Float | Kind::Double => {
                value.is_number()
                    || value.as_str().is_some_and(|text| {
                        matches!(text, "NaN" | "Infinity" | "-Infinity" | "+Infinity")
                    })
            }
            Kind::Bytes | Kind::String | Kind::Enum(_) | Kind::Fixed(_) => value.is_string(),
            Kind::Array(inner) => value.as_array().is_some_and(|items| {
                items.iter().all(|item| self.fits(*inner, Some(item), depth + 1))
            }),
            Kind::Map(inner) => value.as_object().is_some_and(|members| {
                members.values().all(|item| self.fits(*inner, Some(item), depth + 1))
            }),
            Kind::Union(branches) => {
                branches.iter().any(|branch| self.fits(*branch, Some(value), depth + 1))
            }
            Kind::Record(record) => value.as_object().is_some_and(|members| {
                record.fields.iter().all(|field| {
                    let own = members.get(&field.name).or(field.default.as_ref());
                    self.fits(field.schema, own, depth + 1)
                })
            }),
        }
    }
}
