//! The plan that writes Connect values by an Avro schema.
//!
//! It follows the writer's Avro schema and finds each part in the Connect schema: fields by name,
//! branches of a union by name. So it serves a schema that was made from the Connect schema and
//! one that the registry holds alike. What only the Avro schema has takes its default.

use std::sync::Arc;

use connect_api::{ConnectError, Result, Schema as ConnectSchema, SchemaType};
use schema_registry_client::avro::default_value::fits;
use schema_registry_client::avro::{Kind, NodeId, Record, Schema};
use serde_json::Value as Json;

use super::encode::{
    Encode, FieldPlan, end_blocks, start_block, write_count, write_long, write_run,
};
use super::names::{ANYTHING, MAX_DEPTH, MAX_TYPES, Mapping, is_union};

/// What becomes of fields that the value has and the Avro schema lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surplus {
    /// The value cannot be written.
    Refused,
    /// They are not written.
    LeftOut,
}

/// Makes the plan that writes values of a Connect schema by an Avro schema.
///
/// # Errors
///
/// Data: the schemas do not fit each other.
pub(super) fn plan(
    connect: Option<&ConnectSchema>,
    avro: &Schema,
    mapping: Mapping,
    surplus: Surplus,
) -> Result<Encode> {
    Planner { avro, mapping, surplus, types: 0 }.plan(connect, avro.root_id(), 0)
}

struct Planner<'a> {
    avro: &'a Schema,
    mapping: Mapping,
    surplus: Surplus,
    types: usize,
}

impl Planner<'_> {
    fn plan(
        &mut self,
        connect: Option<&ConnectSchema>,
        id: NodeId,
        depth: usize,
    ) -> Result<Encode> {
        self.types += 1;
        if depth > MAX_DEPTH || self.types > MAX_TYPES {
            return Err(ConnectError::data(format!(
                "schema deeper than {MAX_DEPTH} levels or of more than {MAX_TYPES} types"
            )));
        }
        let kind = &self.avro.node(id).kind;
        let Some(connect) = connect else {
            return match kind.branch_name().as_str() {
                ANYTHING => Ok(Encode::Anything),
                name => Err(ConnectError::data(format!(
                    "values without schema cannot be written as Avro type {name}"
                ))),
            };
        };
        let wrong = || {
            ConnectError::data(format!(
                "values of type {} cannot be written as Avro type {}",
                connect.name().map_or_else(|| connect.schema_type().to_string(), str::to_owned),
                kind.branch_name()
            ))
        };
        let inner = || connect.value_schema().map(Arc::as_ref).ok_or_else(wrong);
        let next = depth + 1;
        use SchemaType as T;
        Ok(match (kind, connect.schema_type()) {
            (Kind::Union(branches), _) if is_union(connect) => {
                self.union(connect, branches, depth)?
            }
            (Kind::Union(branches), _) => self.optional(connect, branches, depth)?,
            (Kind::Boolean, T::Boolean) => Encode::Boolean,
            (Kind::Int, T::Int8 | T::Int16 | T::Int32) => Encode::Int,
            (Kind::Long, T::Int8 | T::Int16 | T::Int32 | T::Int64) => Encode::Long,
            (Kind::Float, T::Float32) => Encode::Float,
            (Kind::Double, T::Float32 | T::Float64) => Encode::Double,
            (Kind::Bytes, T::Bytes) => Encode::Bytes,
            (Kind::Fixed(fixed), T::Bytes) => Encode::Fixed { size: fixed.size },
            (Kind::String, T::String) => Encode::String,
            (Kind::Enum(symbols), T::String) => Encode::Enum { symbols: symbols.symbols.clone() },
            (Kind::Array(items), T::Array) => {
                Encode::Array { items: Box::new(self.plan(Some(inner()?), *items, next)?) }
            }
            (Kind::Map(values), T::Map) => {
                let keys = connect.key_schema().ok_or_else(wrong)?;
                if keys.schema_type() != T::String {
                    return Err(wrong());
                }
                Encode::Map { values: Box::new(self.plan(Some(inner()?), *values, next)?) }
            }
            (Kind::Array(entry), T::Map) => self.entries(connect, *entry, depth)?,
            (Kind::Record(record), T::Struct) if !is_union(connect) => Encode::Record {
                count: connect.fields().len(),
                fields: self.fields(connect, record, depth)?,
            },
            _ => return Err(wrong()),
        })
    }

    /// A map of other than text keys: an array of records of key and value.
    fn entries(&mut self, connect: &ConnectSchema, entry: NodeId, depth: usize) -> Result<Encode> {
        let wrong = || ConnectError::data("a map's entries need fields key and value in Avro");
        let Kind::Record(record) = &self.avro.node(entry).kind else {
            return Err(wrong());
        };
        let (Some(key), Some(value), 2) =
            (record.field("key"), record.field("value"), record.fields.len())
        else {
            return Err(wrong());
        };
        let keys = connect.key_schema().ok_or_else(wrong)?;
        let values = connect.value_schema().ok_or_else(wrong)?;
        Ok(Encode::Entries {
            key: Box::new(self.plan(Some(keys), key.schema, depth + 1)?),
            value: Box::new(self.plan(Some(values), value.schema, depth + 1)?),
            value_first: record.fields[0].name == "value",
        })
    }

    fn fields(
        &mut self,
        connect: &ConnectSchema,
        record: &Record,
        depth: usize,
    ) -> Result<Vec<FieldPlan>> {
        let mut fields = Vec::with_capacity(record.fields.len());
        let mut used = 0;
        for field in &record.fields {
            let own = (connect.fields().iter())
                .find(|own| self.mapping.scrubbed(&own.name) == field.name.as_str());
            match (own, &field.default) {
                (Some(own), _) => {
                    used += 1;
                    let default = own.schema.default();
                    fields.push(FieldPlan::Own {
                        index: own.index,
                        name: Arc::clone(&own.name),
                        default: default
                            .filter(|_| !self.mapping.ignore_default_for_nullables)
                            .cloned(),
                        plan: self.plan(Some(&own.schema), field.schema, depth + 1)?,
                    });
                }
                (None, Some(default)) => {
                    let mut out = Vec::new();
                    self.constant(field.schema, default, &mut out, 0)?;
                    fields.push(FieldPlan::Constant(out));
                }
                (None, None) => {
                    return Err(ConnectError::data(format!(
                        "Avro record {} has a field {} without a default, which the value lacks",
                        record.name, field.name
                    )));
                }
            }
        }
        if used < connect.fields().len() && self.surplus == Surplus::Refused {
            let lost = connect
                .fields()
                .iter()
                .find(|own| record.field(&self.mapping.scrubbed(&own.name)).is_none());
            return Err(ConnectError::data(format!(
                "Avro record {} has no field {}, which the value has",
                record.name,
                lost.map_or("", |field| &field.name)
            )));
        }
        Ok(fields)
    }

    fn null_branch(&self, branches: &[NodeId]) -> Option<usize> {
        branches.iter().position(|branch| self.avro.node(*branch).kind == Kind::Null)
    }

    fn optional(
        &mut self,
        connect: &ConnectSchema,
        branches: &[NodeId],
        depth: usize,
    ) -> Result<Encode> {
        let null = self.null_branch(branches).filter(|_| connect.is_optional());
        let mut refusal = None;
        for (branch, id) in branches.iter().enumerate() {
            match self.plan(Some(connect), *id, depth + 1) {
                Ok(value) => {
                    return Ok(Encode::Optional { null, branch, value: Box::new(value) });
                }
                // The reason of a branch of the right kind says most.
                Err(error) if self.avro.node(*id).kind != Kind::Null => refusal = Some(error),
                Err(_) => {}
            }
        }
        Err(refusal.unwrap_or_else(|| ConnectError::data("a union without branches")))
    }

    fn union(
        &mut self,
        connect: &ConnectSchema,
        branches: &[NodeId],
        depth: usize,
    ) -> Result<Encode> {
        let null = self.null_branch(branches);
        let others: Vec<usize> = (0..branches.len()).filter(|index| Some(*index) != null).collect();
        let mut plans = Vec::with_capacity(connect.fields().len());
        for field in connect.fields() {
            let named = others.iter().copied().find(|index| {
                self.mapping.member_name(self.avro.node(branches[*index]), *index) == *field.name
            });
            // A union that was made for these fields has its branches in their order.
            let same = others.len() == connect.fields().len();
            let branch = named.or_else(|| others.get(field.index).copied().filter(|_| same));
            let branch = branch.ok_or_else(|| {
                ConnectError::data(format!("Avro union has no branch for field {}", field.name))
            })?;
            let schema = field.schema.to_builder().with_optional(false).build()?;
            let plan = self.plan(Some(&schema), branches[branch], depth + 1)?;
            plans.push((branch, Arc::clone(&field.name), plan));
        }
        Ok(Encode::Union { null: null.filter(|_| connect.is_optional()), branches: plans })
    }

    /// Writes the default of a field that the value lacks.
    fn constant(&mut self, id: NodeId, json: &Json, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        self.types += 1;
        let wrong = || ConnectError::data(format!("default {json} does not fit its Avro type"));
        if depth > MAX_DEPTH || self.types > MAX_TYPES {
            return Err(wrong());
        }
        let latin1 = || -> Result<Vec<u8>> {
            let text = json.as_str().ok_or_else(wrong)?;
            text.chars().map(|c| u8::try_from(u32::from(c)).map_err(|_| wrong())).collect()
        };
        let float = || {
            let text = json.as_str().and_then(|text| text.parse().ok());
            json.as_f64().or(text).ok_or_else(wrong)
        };
        match &self.avro.node(id).kind {
            Kind::Null => {}
            Kind::Boolean => out.push(u8::from(json.as_bool().ok_or_else(wrong)?)),
            Kind::Int | Kind::Long => write_long(out, json.as_i64().ok_or_else(wrong)?),
            Kind::Float => {
                let value: f32 = float()?.to_string().parse().map_err(|_| wrong())?;
                out.extend(value.to_le_bytes());
            }
            Kind::Double => out.extend(float()?.to_le_bytes()),
            Kind::Bytes => write_run(out, &latin1()?),
            Kind::String => write_run(out, json.as_str().ok_or_else(wrong)?.as_bytes()),
            Kind::Fixed(fixed) => {
                let bytes = latin1()?;
                if bytes.len() != fixed.size {
                    return Err(wrong());
                }
                out.extend(bytes);
            }
            Kind::Enum(symbols) => {
                let text = json.as_str().ok_or_else(wrong)?;
                let index = symbols.symbols.iter().position(|symbol| symbol == text);
                write_count(out, index.ok_or_else(wrong)?);
            }
            Kind::Array(items) => {
                let (items, list) = (*items, json.as_array().ok_or_else(wrong)?);
                start_block(out, list.len());
                for item in list {
                    self.constant(items, item, out, depth + 1)?;
                }
                end_blocks(out);
            }
            Kind::Map(values) => {
                let (values, members) = (*values, json.as_object().ok_or_else(wrong)?);
                start_block(out, members.len());
                for (key, value) in members {
                    write_run(out, key.as_bytes());
                    self.constant(values, value, out, depth + 1)?;
                }
                end_blocks(out);
            }
            Kind::Record(record) => {
                let members = json.as_object().ok_or_else(wrong)?;
                for field in &record.fields {
                    let own = members.get(&field.name).or(field.default.as_ref());
                    self.constant(field.schema, own.ok_or_else(wrong)?, out, depth + 1)?;
                }
            }
            Kind::Union(branches) => {
                let index = branches.iter().position(|branch| fits(self.avro, *branch, json));
                let index = index.ok_or_else(wrong)?;
                write_count(out, index);
                self.constant(branches[index], json, out, depth + 1)?;
            }
        }
        Ok(())
    }
}
