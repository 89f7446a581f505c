//! Registration and look-up.
//!
//! The same content has the same id in all subjects, also after a soft deletion. A schema that is
//! in the subject already is answered without a change. One that was soft-deleted there comes back
//! as a new version with its old id, and the old version goes for good, unless others use it.

use std::sync::Arc;

use parking_lot::RwLock;
use schema_registry_client::rest::SchemaRequest;

use super::checks;
use super::error::RegistryError;
use super::schemas::{NewSchema, SchemaCache, read_stored};
use super::settings::{self, Scope};
use crate::compatibility::Level;
use crate::store::content::{Content, SchemaType};
use crate::store::index::{Deleted, Index};
use crate::store::record::{Key, Mode, OutgoingRecord, SchemaValue};
use crate::store::writer::{Decision, Ground};

/// A schema in a subject.
#[derive(Debug, Clone)]
pub struct Found {
    /// The subject.
    pub subject: String,
    /// The version.
    pub version: i32,
    /// Id of the schema.
    pub id: i32,
    /// The schema.
    pub content: Arc<Content>,
    /// Whether it is soft-deleted.
    pub deleted: bool,
}

/// Refuses what this registry would have to drop from a request.
///
/// # Errors
///
/// [`RegistryError::NotOffered`] or [`RegistryError::RuleSetNotOffered`], with the member.
pub fn refuse_unoffered(request: &SchemaRequest) -> Result<(), RegistryError> {
    if request.rule_set.is_some() {
        return Err(RegistryError::RuleSetNotOffered);
    }
    let offered = [
        (request.metadata.is_some(), "metadata"),
        (request.schema_tags_to_add.is_some(), "schemaTagsToAdd"),
        (request.schema_tags_to_remove.is_some(), "schemaTagsToRemove"),
        (request.propagate_schema_tags == Some(true), "propagateSchemaTags"),
        // It would be stamped into the metadata.
        (request.version == Some(-1), "version -1"),
    ];
    match offered.into_iter().find(|(given, _)| *given) {
        Some((_, member)) => Err(RegistryError::NotOffered(member)),
        None => Ok(()),
    }
}

/// Finds a schema in a subject: by its content, else by what it means.
///
/// # Errors
///
/// None that a healthy registry has: versions that cannot be read do not match.
pub fn find(
    index: &RwLock<Index>,
    cache: &SchemaCache,
    (subject, new): (&str, &NewSchema),
    deleted: Deleted,
) -> Option<Found> {
    let versions: Vec<Found> = {
        let index = index.read();
        let versions = index.versions(subject, deleted).rev();
        versions
            .map(|(version, found)| Found {
                subject: subject.to_owned(),
                version,
                id: found.id,
                content: Arc::clone(&found.content),
                deleted: found.deleted,
            })
            .collect()
    };
    if let Some(same) = versions.iter().find(|found| is_same(&found.content, &new.content)) {
        return Some(same.clone());
    }
    let means_the_same = |found: &Found| {
        found.content.schema_type == SchemaType::Avro
            && read_stored(index, cache, (found.id, &found.content))
                .is_ok_and(|stored| stored.equivalent(&new.schema))
    };
    versions.into_iter().find(means_the_same)
}

/// Same content, as far as a caller can say: metadata and rules are not theirs to give.
fn is_same(stored: &Content, new: &Content) -> bool {
    stored.schema_type == new.schema_type
        && stored.text == new.text
        && stored.references == new.references
}

/// Finds what a registration would find in the subject, so that nothing needs to change.
///
/// A schema with its references written out is the same as one that refers; other differences in
/// layout make another schema here, though not in a look-up.
#[must_use]
pub fn find_registered(
    index: &RwLock<Index>,
    cache: &SchemaCache,
    (subject, new): (&str, &NewSchema),
) -> Option<Found> {
    let found = find(index, cache, (subject, new), Deleted::Without)?;
    let written_out = new.content.references.is_empty() && !found.content.references.is_empty();
    (is_same(&found.content, &new.content) || written_out).then_some(found)
}

/// How a registration is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterOptions {
    /// The schema is normalised.
    pub normalize: bool,
    /// It need not fit the earlier ones.
    pub force: bool,
}

/// A registration that was not answered by what is there.
#[derive(Debug)]
pub struct Registration {
    /// The subject.
    pub subject: String,
    /// The schema.
    pub new: NewSchema,
    /// The version that it must get, if the caller says.
    pub version: Option<i32>,
    /// The level when nothing else says.
    pub default_level: Level,
    /// It need not fit the earlier versions.
    pub force: bool,
}

/// Decides a registration.
///
/// # Errors
///
/// [`RegistryError`] when the subject is read-only, the schema incompatible, or the version taken.
pub fn decide(
    ground: &Ground<'_>,
    cache: &SchemaCache,
    registration: &Registration,
) -> Result<Decision<Found>, RegistryError> {
    let Registration { subject, new, version, default_level, force } = registration;
    if version.is_none()
        && let Some(found) = find_registered(ground.index, cache, (subject, new))
    {
        return Ok(Decision::unchanged(found));
    }
    let (level, previous) = {
        let index = ground.index.read();
        refuse_unwritable(&index, subject)?;
        let Scope { level, .. } = settings::scope(&index, subject, *default_level);
        let level = if *force { Level::None } else { level };
        (level, checks::live_versions(&index, subject))
    };
    let verdict = checks::check(ground.index, cache, (level, &new.schema), &previous)?;
    if !verdict.compatible {
        let (subject, messages) = (subject.clone(), verdict.messages);
        return Err(RegistryError::Incompatible { subject, messages });
    }
    let index = ground.index.read();
    let next = index.next_version(subject);
    // The next of the largest number is that number again.
    if version.is_some_and(|wanted| wanted != next) || index.version(subject, next).is_some() {
        return Err(RegistryError::VersionNotNext);
    }
    for reference in &new.content.references {
        // Deleted since it was resolved.
        if index.version(&reference.subject, reference.version).is_none_or(|found| found.deleted) {
            let (subject, version) = (reference.subject.clone(), reference.version);
            return Err(RegistryError::ReferenceNotFound { subject, version });
        }
    }
    let known = index.id_of(&new.content);
    let id = known.unwrap_or(ground.next_id);
    let key = Key::Schema { subject: subject.clone(), version: next };
    let value = SchemaValue::new(subject, next, id, &new.content);
    let mut records = vec![OutgoingRecord::put(&key, &value)];
    let replaced = index
        .versions(subject, Deleted::Only)
        .filter(|(number, old)| old.id == id && index.referrers(subject, *number).next().is_none());
    records.extend(replaced.map(|(number, _)| index.deletion(subject, number)));
    let content = Arc::new(new.content.clone());
    let answer = Found { subject: subject.clone(), version: next, id, content, deleted: false };
    Ok(Decision { records, new_id: known.is_none().then_some(id), answer })
}

fn refuse_unwritable(index: &Index, subject: &str) -> Result<(), RegistryError> {
    settings::refuse_read_only(index, Some(subject))?;
    match settings::mode(index, Some(subject)) {
        Mode::ReadWrite => Ok(()),
        _ => Err(RegistryError::NotReadWrite(subject.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use schema_registry_client::avro::Strictness;
    use schema_registry_client::rest::SchemaReference;

    use super::super::schemas::read_new;
    use super::*;
    use crate::store::record::Incoming;

    /// A registry without Kafka: what is decided is folded at once.
    struct Folding {
        index: RwLock<Index>,
        cache: SchemaCache,
    }

    impl Folding {
        fn new() -> Self {
            Self { index: RwLock::default(), cache: SchemaCache::default() }
        }

        fn fold(&self, records: &[OutgoingRecord]) {
            for record in records {
                let incoming = Incoming::decode(Some(&record.key), record.value.as_deref());
                self.index.write().apply(incoming.unwrap()).unwrap();
            }
        }

        fn register(&self, subject: &str, text: &str) -> Result<(i32, i32), RegistryError> {
            self.register_with(subject, &SchemaRequest::avro(text))
        }

        fn register_with(
            &self,
            subject: &str,
            request: &SchemaRequest,
        ) -> Result<(i32, i32), RegistryError> {
            let new = read_new(&self.index, request, Strictness::New, false)?;
            let registration = Registration {
                subject: subject.to_owned(),
                new,
                version: request.version,
                default_level: Level::Backward,
                force: false,
            };
            let next_id = self.index.read().max_id() + 1;
            let ground = Ground { index: &self.index, next_id };
            let decision = decide(&ground, &self.cache, &registration)?;
            self.fold(&decision.records);
            Ok((decision.answer.id, decision.answer.version))
        }

        fn soft_delete(&self, subject: &str) {
            let key = Key::DeleteSubject { subject: subject.to_owned() };
            let value = serde_json::json!({"subject": subject, "version": 100});
            self.fold(&[OutgoingRecord::put(&key, &value)]);
        }
    }

    #[test]
    fn same_content_has_the_same_id_everywhere() {
        let registry = Folding::new();
        assert_eq!(registry.register("a", "\"int\"").unwrap(), (1, 1));
        assert_eq!(registry.register("a", r#"{ "type": "int" }"#).unwrap(), (1, 1));
        assert_eq!(registry.register("b", "\"int\"").unwrap(), (1, 1));
        assert_eq!(registry.register("a", "\"long\"").unwrap(), (2, 2));
        assert_eq!(registry.register("b", "\"long\"").unwrap(), (2, 2));
    }

    #[test]
    fn soft_deleted_schema_comes_back_as_a_new_version_with_its_id() {
        let registry = Folding::new();
        registry.register("a", "\"int\"").unwrap();
        registry.soft_delete("a");
        assert_eq!(registry.register("a", "\"int\"").unwrap(), (1, 2));
        assert!(registry.index.read().version("a", 1).is_none());
    }

    #[test]
    fn soft_deleted_version_stays_while_others_use_it() {
        let registry = Folding::new();
        let base = r#"{"type":"record","name":"B","fields":[]}"#;
        registry.register("base", base).unwrap();
        let reference =
            SchemaReference { name: "B".to_owned(), subject: "base".to_owned(), version: -1 };
        let mut request = SchemaRequest::avro(
            r#"{"type":"record","name":"U","fields":[{"name":"b","type":"B"}]}"#,
        );
        request.references.push(reference);
        assert_eq!(registry.register_with("user", &request).unwrap(), (2, 1));
        registry.soft_delete("base");
        assert_eq!(registry.register("base", base).unwrap(), (1, 2));
        assert!(registry.index.read().version("base", 1).unwrap().deleted);
        // The same schema with its reference written out is no other schema.
        let inline = r#"{"type":"record","name":"U","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[]}}]}"#;
        assert_eq!(registry.register("user", inline).unwrap(), (2, 1));
        request.references[0].version = 1;
        assert_eq!(registry.register_with("user2", &request).unwrap_err().code(), 42201);
    }

    #[test]
    fn version_asked_for_must_be_the_next() {
        let registry = Folding::new();
        registry.register("a", "\"int\"").unwrap();
        let ask = |version| {
            let mut request = SchemaRequest::avro("\"long\"");
            request.version = Some(version);
            registry.register_with("a", &request)
        };
        assert_eq!(ask(3).unwrap_err().code(), 42201);
        assert_eq!(ask(2).unwrap(), (2, 2));
    }

    #[test]
    fn largest_version_is_not_overwritten() {
        let registry = Folding::new();
        let content = Content::avro("\"int\"".to_owned(), Vec::new());
        let key = Key::Schema { subject: "a".to_owned(), version: i32::MAX };
        let value = SchemaValue::new("a", i32::MAX, 1, &content);
        registry.fold(&[OutgoingRecord::put(&key, &value)]);
        assert_eq!(registry.register("a", "\"long\"").unwrap_err().code(), 42201);
        assert_eq!(registry.index.read().version("a", i32::MAX).unwrap().id, 1);
    }

    #[test]
    fn incompatible_and_invalid_schemas_are_told_why() {
        let registry = Folding::new();
        registry.register("a", r#"{"type":"record","name":"R","fields":[]}"#).unwrap();
        let wider = r#"{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}"#;
        let error = registry.register("a", wider).unwrap_err();
        assert_eq!(error.code(), 409);
        let text = error.to_string();
        let start = "Schema being registered is incompatible with an earlier schema for subject \"a\", details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE'";
        assert!(text.starts_with(start), "{text}");
        for bad in ["{", "\"missing\"", r#"{"type":"record","name":"a-b","fields":[]}"#] {
            let error = registry.register("a", bad).unwrap_err();
            assert_eq!(error.code(), 42201, "{error}");
            assert!(error.to_string().contains("details: "), "{error}");
        }
        assert_eq!(registry.register("a", " ").unwrap_err().to_string(), "Empty schema");
    }

    #[test]
    fn members_that_would_be_dropped_are_refused_with_their_names() {
        let request = |member: &str| {
            let body = format!(r#"{{"schema":"\"int\"",{member}}}"#);
            refuse_unoffered(&serde_json::from_str(&body).unwrap())
        };
        assert!(request(r#""metadata":null,"ruleSet":null"#).is_ok());
        assert_eq!(request(r#""ruleSet":{}"#).unwrap_err().code(), 42210);
        let error = request(r#""metadata":{"properties":{"a":"b"}}"#).unwrap_err();
        assert!(error.code() == 422 && error.to_string().contains("metadata"), "{error}");
    }
}
