//! Texts and references → parsed schemas.
//!
//! Stored schemas are parsed when first needed, leniently, and kept in a cache bounded by the size
//! of their texts. New ones are parsed strictly. Nothing is ever fetched from outside.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use schema_registry_client::avro::{Schema, SchemaError, Strictness};
use schema_registry_client::rest::{SchemaReference, SchemaRequest};

use super::error::RegistryError;
use super::names;
use crate::store::content::{Content, ContentHash, SchemaType};
use crate::store::index::{Deleted, Index};

/// Bytes of text whose parsed schemas are kept; a parsed schema is about ten times as large.
const MAX_CACHED: usize = 2 * 1024 * 1024;
/// Schemas that one schema may use, directly or not.
const MAX_REFERENCES: usize = 1000;
/// Characters of a schema that an error shows.
const MAX_SHOWN: usize = 1000;

/// Parsed schemas, the least recently used of which are forgotten.
#[derive(Debug, Default)]
pub struct SchemaCache {
    inner: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    schemas: HashMap<ContentHash, (Arc<Schema>, usize, u64)>,
    size: usize,
    clock: u64,
}

impl SchemaCache {
    fn get(&self, hash: ContentHash) -> Option<Arc<Schema>> {
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let now = inner.clock;
        let (schema, _, used) = inner.schemas.get_mut(&hash)?;
        *used = now;
        Some(Arc::clone(schema))
    }

    fn put(&self, hash: ContentHash, schema: &Arc<Schema>, size: usize) {
        if size > MAX_CACHED {
            return;
        }
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let now = inner.clock;
        if inner.schemas.insert(hash, (Arc::clone(schema), size, now)).is_none() {
            inner.size += size;
        }
        while inner.size > MAX_CACHED {
            let oldest = inner.schemas.iter().min_by_key(|(_, (_, _, used))| *used);
            let Some((&oldest, &(_, size, _))) = oldest else { break };
            inner.schemas.remove(&oldest);
            inner.size -= size;
        }
    }
}

/// A schema that a caller sent.
#[derive(Debug)]
pub struct NewSchema {
    /// The schema.
    pub schema: Schema,
    /// What it is stored as.
    pub content: Content,
}

/// Reads a schema that a caller sent; its references are resolved to version numbers.
///
/// # Errors
///
/// [`RegistryError`] when it is empty, of another type, invalid, or uses what is not there.
pub fn read_new(
    index: &RwLock<Index>,
    request: &SchemaRequest,
    strictness: Strictness,
    normalize: bool,
) -> Result<NewSchema, RegistryError> {
    if let SchemaType::Other(name) = SchemaType::from_name(request.schema_type.as_deref()) {
        return Err(RegistryError::UnknownType(name.into()));
    }
    if request.schema.trim().is_empty() {
        return Err(RegistryError::EmptySchema);
    }
    let (mut references, texts) = {
        let index = index.read();
        // A look-up may be for a schema whose references have been soft-deleted since.
        let deleted = match strictness {
            Strictness::New => Deleted::Without,
            Strictness::Stored => Deleted::With,
        };
        let references = pinned(&index, &request.references, deleted)?;
        let texts = used_contents(&index, &references)?;
        (references, texts)
    };
    let texts: Vec<&str> = texts.iter().map(|content| &*content.text).collect();
    let mut schema = Schema::parse_with_references(&request.schema, &texts, strictness)
        .map_err(|source| invalid(request, source))?;
    if normalize {
        schema = schema.normalized();
        references.sort();
        references.dedup();
    }
    let content = Content::avro(schema.canonical_string(), references);
    Ok(NewSchema { schema, content })
}

/// Replaces "the latest" by its number.
fn pinned(
    index: &Index,
    references: &[SchemaReference],
    deleted: Deleted,
) -> Result<Vec<SchemaReference>, RegistryError> {
    if references.len() > MAX_REFERENCES {
        return Err(RegistryError::TooManyReferences(MAX_REFERENCES));
    }
    let pin = |reference: &SchemaReference| {
        let subject = names::subject(&reference.subject)?;
        let missing = || RegistryError::ReferenceNotFound {
            subject: subject.clone(),
            version: reference.version,
        };
        let mut versions = index.versions(&subject, deleted);
        let found = match reference.version {
            -1 => versions.next_back(),
            wanted => versions.find(|(version, _)| *version == wanted),
        };
        let (version, _) = found.ok_or_else(missing)?;
        Ok(SchemaReference { name: reference.name.clone(), subject, version })
    };
    references.iter().map(pin).collect()
}

/// Finds all schemas that are used, what is used before what uses it.
fn used_contents(
    index: &Index,
    references: &[SchemaReference],
) -> Result<Vec<Arc<Content>>, RegistryError> {
    enum Task<'a> {
        Visit(&'a SchemaReference),
        Add(Arc<Content>),
    }
    let mut seen: HashSet<(&str, i32)> = HashSet::new();
    let mut contents = Vec::new();
    let mut tasks: Vec<Task<'_>> = references.iter().rev().map(Task::Visit).collect();
    while let Some(task) = tasks.pop() {
        let reference = match task {
            Task::Add(content) => {
                contents.push(content);
                continue;
            }
            Task::Visit(reference) => reference,
        };
        let SchemaReference { subject, version, .. } = reference;
        if !seen.insert((subject, *version)) {
            continue;
        }
        if seen.len() > MAX_REFERENCES {
            return Err(RegistryError::TooManyReferences(MAX_REFERENCES));
        }
        let found = index.version(subject, *version).ok_or_else(|| {
            RegistryError::ReferenceNotFound { subject: subject.clone(), version: *version }
        })?;
        if found.content.schema_type != SchemaType::Avro {
            let (subject, version) = (subject.clone(), *version);
            return Err(RegistryError::ReferenceType { subject, version });
        }
        tasks.push(Task::Add(Arc::clone(&found.content)));
        tasks.extend(found.content.references.iter().rev().map(Task::Visit));
    }
    Ok(contents)
}

/// Reads a schema of the registry.
///
/// # Errors
///
/// [`RegistryError::Unreadable`], or what is wrong with a reference.
pub fn read_stored(
    index: &RwLock<Index>,
    cache: &SchemaCache,
    (id, content): (i32, &Content),
) -> Result<Arc<Schema>, RegistryError> {
    if let Some(schema) = cache.get(content.hash) {
        return Ok(schema);
    }
    let texts = used_contents(&index.read(), &content.references)?;
    let texts: Vec<&str> = texts.iter().map(|content| &*content.text).collect();
    let schema = Schema::parse_with_references(&content.text, &texts, Strictness::Stored)
        .map_err(|source| RegistryError::Unreadable { id, source })?;
    let schema = Arc::new(schema);
    let size = content.text.len() + texts.iter().map(|text| text.len()).sum::<usize>();
    cache.put(content.hash, &schema, size);
    Ok(schema)
}

/// The error of an invalid schema, with the request as Confluent's registry prints it.
fn invalid(request: &SchemaRequest, source: SchemaError) -> RegistryError {
    let subject = request.subject.as_deref().unwrap_or("");
    let text: String = request.schema.chars().take(MAX_SHOWN).collect();
    let reference = |reference: &SchemaReference| {
        let SchemaReference { name, subject, version } = reference;
        format!("{{name='{name}', subject='{subject}', version={version}}}")
    };
    let references: Vec<String> = request.references.iter().take(10).map(reference).collect();
    let references = format!("[{}]", references.join(", "));
    RegistryError::InvalidSchema {
        shown: format!(
            "{{subject={subject},version=0,id=-1,schemaType=AVRO,references={references},\
             metadata=null,ruleSet=null,schema={text}}}"
        ),
        references,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_forgets_what_was_not_used_for_longest() {
        let cache = SchemaCache::default();
        let schema = Arc::new(Schema::parse("\"int\"", Strictness::New).unwrap());
        let hash = |text: &str| ContentHash::of(text, &[]);
        cache.put(hash("a"), &schema, MAX_CACHED / 2);
        cache.put(hash("b"), &schema, MAX_CACHED / 2);
        assert!(cache.get(hash("a")).is_some());
        cache.put(hash("c"), &schema, MAX_CACHED / 2);
        assert!(cache.get(hash("a")).is_some());
        assert!(cache.get(hash("b")).is_none());
        cache.put(hash("huge"), &schema, MAX_CACHED + 1);
        assert!(cache.get(hash("huge")).is_none());
        assert_eq!(cache.inner.lock().schemas.len(), 2);
    }
}
