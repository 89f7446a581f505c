//! Compatibility of a new schema with versions of a subject.

use std::sync::Arc;

use parking_lot::RwLock;
use schema_registry_client::avro::Schema;

use super::error::RegistryError;
use super::schemas::{SchemaCache, read_stored};
use crate::compatibility::{self, Level, Verdict};
use crate::store::content::{Content, SchemaType};
use crate::store::index::{Deleted, Index};

/// What Confluent's registry says to a change of format.
const OTHER_TYPE: &str = "Incompatible because of different schema type";

/// A version to compare with: its number, id and schema.
pub type Previous = (i32, i32, Arc<Content>);

/// The versions that count when a schema joins a subject: all that are not deleted.
#[must_use]
pub fn live_versions(index: &Index, subject: &str) -> Vec<Previous> {
    let versions = index.versions(subject, Deleted::Without);
    versions.map(|(number, version)| (number, version.id, Arc::clone(&version.content))).collect()
}

/// Compares a new schema with versions, under a level.
///
/// # Errors
///
/// [`RegistryError::Unreadable`] when a version cannot be read.
pub fn check(
    index: &RwLock<Index>,
    cache: &SchemaCache,
    (level, new): (Level, &Schema),
    previous: &[Previous],
) -> Result<Verdict, RegistryError> {
    let transitive = matches!(
        level,
        Level::BackwardTransitive | Level::ForwardTransitive | Level::FullTransitive
    );
    let compared = match level {
        Level::None => &[],
        _ if transitive => previous,
        _ => &previous[previous.len().saturating_sub(1)..],
    };
    if compared.iter().any(|(_, _, content)| content.schema_type != SchemaType::Avro) {
        let messages = vec![OTHER_TYPE.to_owned()];
        return Ok(Verdict { compatible: false, messages });
    }
    let mut parsed = Vec::with_capacity(compared.len());
    for (number, id, content) in compared {
        parsed.push((*number, read_stored(index, cache, (*id, content))?));
    }
    let parsed: Vec<(i32, &Schema)> =
        parsed.iter().map(|(number, schema)| (*number, &**schema)).collect();
    Ok(compatibility::check(level, new, &parsed))
}
