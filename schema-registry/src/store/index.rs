//! The registry's memory: what the records of the topic add up to.
//!
//! Pure: [`Index::apply`] folds one record, everything else reads. Content is kept once per hash
//! and type; an id and its versions come and go together. Invariants: every version's id is in
//! `ids` with that version among its uses; `max_id` never falls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::content::{Content, ContentHash, SchemaType};
use super::record::{Change, Incoming, Key, Mode, OutgoingRecord, SchemaChange};

/// Name of a subject, shared by all that mention it.
pub type SubjectName = Arc<str>;

/// One version of a subject.
#[derive(Debug, Clone)]
pub struct Version {
    /// Id of its schema.
    pub id: i32,
    /// Whether it is soft-deleted.
    pub deleted: bool,
    /// Its schema.
    pub content: Arc<Content>,
    /// Bytes of its record's key, when another program wrote them differently.
    foreign_key: Option<Box<[u8]>>,
}

/// Versions of a subject.
#[derive(Debug, Default)]
struct Subject {
    versions: BTreeMap<i32, Version>,
    /// The highest version ever, so that a number is not used twice.
    highest: i32,
}

/// A schema and the versions that are it.
#[derive(Debug)]
struct IdEntry {
    content: Arc<Content>,
    uses: BTreeSet<(SubjectName, i32)>,
}

/// A setting as it was last written, and under which spellings of its key.
#[derive(Debug)]
struct Setting<T> {
    value: T,
    keys: BTreeSet<Box<[u8]>>,
}

type ContentKey = (ContentHash, SchemaType);

/// Why a record that was understood does not take effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Its id belongs to another schema.
    #[error("subject {subject} version {version} claims id {id}, which is another schema's")]
    IdTaken {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
        /// The id.
        id: i32,
    },
}

/// What the records of the topic add up to.
#[derive(Debug, Default)]
pub struct Index {
    subjects: BTreeMap<SubjectName, Subject>,
    ids: BTreeMap<i32, IdEntry>,
    contents: HashMap<ContentKey, BTreeSet<i32>>,
    /// For each version that is used, the versions that use it.
    referrers: BTreeMap<(String, i32), BTreeSet<(SubjectName, i32)>>,
    configs: BTreeMap<Option<String>, Setting<Map<String, Value>>>,
    modes: BTreeMap<Option<String>, Setting<Mode>>,
    max_id: i32,
    sequenced: bool,
}

impl Index {
    /// Folds one record.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]: the record has no effect.
    pub fn apply(&mut self, incoming: Incoming) -> Result<(), ApplyError> {
        let Incoming { change, foreign_key, sequenced } = incoming;
        self.sequenced |= sequenced;
        match change {
            Change::Schema(change) => return self.put_version(*change, foreign_key),
            Change::SchemaGone { subject, version } => self.remove_version(&subject, version),
            Change::Config { subject, value } => {
                let key = Key::Config { subject: subject.clone() };
                set(&mut self.configs, subject, value, spelling(foreign_key, &key));
            }
            Change::Mode { subject, value } => {
                let key = Key::Mode { subject: subject.clone() };
                set(&mut self.modes, subject, value, spelling(foreign_key, &key));
            }
            Change::DeleteSubject { subject, version } => {
                if let Some(subject) = self.subjects.get_mut(subject.as_str()) {
                    for (_, found) in subject.versions.range_mut(..=version) {
                        found.deleted = true;
                    }
                }
            }
            Change::ClearSubject { subject } => {
                let deleted: Vec<i32> =
                    self.versions(&subject, Deleted::Only).map(|v| v.0).collect();
                for version in deleted {
                    self.remove_version(&subject, version);
                }
            }
            Change::Noop => {}
        }
        Ok(())
    }

    fn put_version(
        &mut self,
        change: SchemaChange,
        foreign_key: Option<Box<[u8]>>,
    ) -> Result<(), ApplyError> {
        let SchemaChange { subject, version, id, deleted, content } = change;
        self.max_id = self.max_id.max(id);
        if self.ids.get(&id).is_some_and(|entry| *entry.content != content) {
            let only_use = self.ids[&id].uses.iter().all(|(s, v)| **s == *subject && *v == version);
            if !only_use {
                return Err(ApplyError::IdTaken { subject, version, id });
            }
        }
        self.remove_uses(&subject, version);
        let name = match self.subjects.get_key_value(subject.as_str()) {
            Some((name, _)) => Arc::clone(name),
            None => SubjectName::from(subject),
        };
        let key = (content.hash, content.schema_type.clone());
        let known = self.contents.get(&key).and_then(BTreeSet::first);
        let shared = known.and_then(|id| self.ids.get(id)).map(|entry| Arc::clone(&entry.content));
        let content =
            shared.filter(|known| **known == content).unwrap_or_else(|| Arc::new(content));
        for reference in &content.references {
            let target = (reference.subject.clone(), reference.version);
            self.referrers.entry(target).or_default().insert((Arc::clone(&name), version));
        }
        self.contents.entry(key).or_default().insert(id);
        let entry = self
            .ids
            .entry(id)
            .or_insert_with(|| IdEntry { content: Arc::clone(&content), uses: BTreeSet::new() });
        entry.uses.insert((Arc::clone(&name), version));
        let subject = self.subjects.entry(name).or_default();
        subject.highest = subject.highest.max(version);
        subject.versions.insert(version, Version { id, deleted, content, foreign_key });
        Ok(())
    }

    fn remove_version(&mut self, subject: &str, version: i32) {
        self.remove_uses(subject, version);
        let Some(found) = self.subjects.get_mut(subject) else { return };
        found.versions.remove(&version);
        if found.versions.is_empty() {
            self.subjects.remove(subject);
        }
    }

    /// Takes back what a version holds of ids and references.
    fn remove_uses(&mut self, subject: &str, version: i32) {
        let Some((name, found)) = self.subjects.get_key_value(subject) else { return };
        let Some(old) = found.versions.get(&version) else { return };
        let place = (Arc::clone(name), version);
        let (id, content) = (old.id, Arc::clone(&old.content));
        for reference in &content.references {
            let target = (reference.subject.clone(), reference.version);
            if let Some(referrers) = self.referrers.get_mut(&target) {
                referrers.remove(&place);
                if referrers.is_empty() {
                    self.referrers.remove(&target);
                }
            }
        }
        let Some(entry) = self.ids.get_mut(&id) else { return };
        entry.uses.remove(&place);
        if entry.uses.is_empty() {
            self.ids.remove(&id);
            let key = (content.hash, content.schema_type.clone());
            if let Some(ids) = self.contents.get_mut(&key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.contents.remove(&key);
                }
            }
        }
    }
}

/// Which of a subject's versions are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// Only those that are not soft-deleted.
    Without,
    /// All.
    With,
    /// Only those that are soft-deleted.
    Only,
}

impl Deleted {
    const fn takes(self, deleted: bool) -> bool {
        match self {
            Self::Without => !deleted,
            Self::With => true,
            Self::Only => deleted,
        }
    }
}

impl Index {
    /// Lists the subjects whose names begin so, in order. [`Deleted::Only`] lists those that are
    /// deleted as a whole.
    pub fn subjects(&self, prefix: &str, deleted: Deleted) -> impl Iterator<Item = &SubjectName> {
        let start = Bound::Included(prefix);
        self.subjects
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter(move |(_, subject)| {
                deleted.takes(subject.versions.values().all(|version| version.deleted))
            })
            .map(|(name, _)| name)
    }

    /// Tells whether a subject has any version.
    #[must_use]
    pub fn has_subject(&self, subject: &str, deleted: Deleted) -> bool {
        self.versions(subject, deleted).next().is_some()
    }

    /// Lists versions of a subject, in order.
    pub fn versions<'a>(
        &'a self,
        subject: &str,
        deleted: Deleted,
    ) -> impl DoubleEndedIterator<Item = (i32, &'a Version)> + use<'a> {
        self.subjects
            .get(subject)
            .into_iter()
            .flat_map(|subject| &subject.versions)
            .filter(move |(_, version)| deleted.takes(version.deleted))
            .map(|(number, version)| (*number, version))
    }

    /// Finds one version of a subject.
    #[must_use]
    pub fn version(&self, subject: &str, version: i32) -> Option<&Version> {
        self.subjects.get(subject)?.versions.get(&version)
    }

    /// The number that the next version of a subject gets.
    #[must_use]
    pub fn next_version(&self, subject: &str) -> i32 {
        self.subjects.get(subject).map_or(0, |subject| subject.highest).saturating_add(1)
    }

    /// Finds a schema by its id.
    #[must_use]
    pub fn by_id(&self, id: i32) -> Option<&Arc<Content>> {
        self.ids.get(&id).map(|entry| &entry.content)
    }

    /// Lists the versions that are the schema with this id, by subject and version.
    pub fn uses(
        &self,
        id: i32,
        deleted: Deleted,
    ) -> Option<impl Iterator<Item = (&SubjectName, i32)>> {
        let entry = self.ids.get(&id)?;
        let uses = entry.uses.iter().map(|(subject, version)| (subject, *version));
        Some(uses.filter(move |(subject, version)| {
            self.version(subject, *version).is_some_and(|found| deleted.takes(found.deleted))
        }))
    }

    /// The smallest id of a content, whether its versions are soft-deleted or not.
    #[must_use]
    pub fn id_of(&self, content: &Content) -> Option<i32> {
        let key = (content.hash, content.schema_type.clone());
        self.contents.get(&key)?.first().copied()
    }

    /// Finds schemas by their hash, whatever their type.
    #[must_use]
    pub fn by_hash(&self, hash: ContentHash) -> Option<(i32, &Arc<Content>)> {
        let of_type = |schema_type: SchemaType| self.contents.get(&(hash, schema_type));
        let ids = of_type(SchemaType::Avro)
            .or_else(|| of_type(SchemaType::Other("JSON".into())))
            .or_else(|| of_type(SchemaType::Other("PROTOBUF".into())))?;
        let id = *ids.first()?;
        Some((id, self.by_id(id)?))
    }

    /// The largest id ever seen; 0 when there was none.
    #[must_use]
    pub const fn max_id(&self) -> i32 {
        self.max_id
    }

    /// Lists the versions that use a version, by subject and version.
    pub fn referrers<'a>(
        &'a self,
        subject: &str,
        version: i32,
    ) -> impl Iterator<Item = (&'a str, i32)> + use<'a> {
        let found = self.referrers.get(&(subject.to_owned(), version));
        found.into_iter().flatten().map(|(subject, version)| (&**subject, *version))
    }

    /// Settings of a subject, or of all: the members of their record.
    #[must_use]
    pub fn config(&self, subject: Option<&str>) -> Option<&Map<String, Value>> {
        self.configs.get(&subject.map(str::to_owned)).map(|setting| &setting.value)
    }

    /// Mode of a subject, or of all.
    #[must_use]
    pub fn mode(&self, subject: Option<&str>) -> Option<Mode> {
        self.modes.get(&subject.map(str::to_owned)).map(|setting| setting.value)
    }

    /// Lists the subjects that have a mode of their own.
    pub fn subjects_with_mode(&self) -> impl Iterator<Item = &str> {
        self.modes.keys().filter_map(Option::as_deref)
    }

    /// Whether the topic is in a dialect that we cannot write to.
    #[must_use]
    pub const fn is_sequenced(&self) -> bool {
        self.sequenced
    }

    /// The record that deletes a version for good.
    #[must_use]
    pub fn deletion(&self, subject: &str, version: i32) -> OutgoingRecord {
        let key = Key::Schema { subject: subject.to_owned(), version };
        let foreign = self.version(subject, version).and_then(|found| found.foreign_key.as_deref());
        OutgoingRecord::delete(&key, foreign)
    }

    /// A record of a version, under the key that its last record had.
    #[must_use]
    pub fn rewrite(&self, subject: &str, version: i32, record: OutgoingRecord) -> OutgoingRecord {
        match self.version(subject, version).and_then(|found| found.foreign_key.as_deref()) {
            Some(key) => OutgoingRecord { key: key.to_vec(), ..record },
            None => record,
        }
    }

    /// The records that unset settings, one for each spelling of the key that is in use.
    #[must_use]
    pub fn config_deletions(&self, subject: Option<&str>) -> Vec<OutgoingRecord> {
        deletions(&self.configs, subject)
    }

    /// The records that unset a mode, one for each spelling of the key that is in use.
    #[must_use]
    pub fn mode_deletions(&self, subject: Option<&str>) -> Vec<OutgoingRecord> {
        deletions(&self.modes, subject)
    }
}

fn spelling(foreign_key: Option<Box<[u8]>>, key: &Key) -> Box<[u8]> {
    foreign_key.unwrap_or_else(|| key.encode().into())
}

fn set<T>(
    settings: &mut BTreeMap<Option<String>, Setting<T>>,
    subject: Option<String>,
    value: Option<T>,
    key: Box<[u8]>,
) {
    match value {
        None => {
            settings.remove(&subject);
        }
        Some(value) => match settings.get_mut(&subject) {
            Some(setting) => {
                setting.value = value;
                setting.keys.insert(key);
            }
            None => {
                settings.insert(subject, Setting { value, keys: BTreeSet::from([key]) });
            }
        },
    }
}

fn deletions<T>(
    settings: &BTreeMap<Option<String>, Setting<T>>,
    subject: Option<&str>,
) -> Vec<OutgoingRecord> {
    let keys = settings.get(&subject.map(str::to_owned)).map(|setting| &setting.keys);
    let keys = keys.into_iter().flatten();
    keys.map(|key| OutgoingRecord { key: key.to_vec(), value: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../../testdata/records/v1/records.jsonl");

    /// Folds the golden records up to a line; lines are `[key, value]`, both texts or null.
    fn folded(lines: usize) -> Index {
        let mut index = Index::default();
        for line in GOLDEN.lines().take(lines) {
            let (key, value): (Option<String>, Option<String>) =
                serde_json::from_str(line).unwrap();
            let incoming = Incoming::decode(
                key.as_deref().map(str::as_bytes),
                value.as_deref().map(str::as_bytes),
            );
            if let Ok(incoming) = incoming {
                // An id that is taken is one of the cases.
                let _ = index.apply(incoming);
            }
        }
        index
    }

    fn numbers(index: &Index, subject: &str, deleted: Deleted) -> Vec<i32> {
        index.versions(subject, deleted).map(|(version, _)| version).collect()
    }

    fn apply(index: &mut Index, key: &str, value: Option<&str>) -> Result<(), ApplyError> {
        let value = value.map(str::as_bytes);
        index.apply(Incoming::decode(Some(key.as_bytes()), value).unwrap())
    }

    fn schema(index: &mut Index, subject: &str, version: i32, (id, text): (i32, &str)) {
        let value =
            serde_json::json!({"subject": subject, "version": version, "id": id, "schema": text});
        let key = Key::Schema { subject: subject.to_owned(), version }.encode();
        let incoming = Incoming::decode(Some(&key), Some(value.to_string().as_bytes())).unwrap();
        index.apply(incoming).unwrap();
    }

    #[test]
    fn golden_records_of_three_registries_fold() {
        let index = folded(usize::MAX);
        let subjects: Vec<&str> = index.subjects("", Deleted::Without).map(|s| &**s).collect();
        assert_eq!(subjects, ["karapace-value", "orders-value", "proto", "users-value"]);
        assert_eq!(numbers(&index, "users-value", Deleted::With), [1, 2, 3]);
        assert_eq!(numbers(&index, "users-value", Deleted::Without), [2, 3]);
        assert_eq!(index.version("users-value", 3).unwrap().id, 2);
        assert_eq!(index.by_id(1).unwrap().text.as_ref(), r#""string""#);
        let uses: Vec<_> = index.uses(1, Deleted::With).unwrap().map(|(s, v)| (&**s, v)).collect();
        assert_eq!(uses, [("karapace-value", 1), ("users-value", 1)]);
        let level = |subject| index.config(subject).unwrap()["compatibilityLevel"].as_str();
        assert_eq!(level(None), Some("FULL"));
        assert_eq!(level(Some("users-value")), Some("NONE"));
        assert_eq!(index.mode(Some("orders-value")), Some(Mode::ReadOnly));
        assert_eq!(index.by_id(7).unwrap().schema_type.name(), "PROTOBUF");
        assert_eq!(index.max_id(), 9);
        assert!(!index.is_sequenced());
        let referrers: Vec<_> = index.referrers("users-value", 2).collect();
        assert_eq!(referrers, [("orders-value", 1)]);
    }

    #[test]
    fn both_spellings_of_the_global_settings_are_deleted() {
        let keys: Vec<Vec<u8>> = folded(usize::MAX)
            .config_deletions(None)
            .into_iter()
            .map(|record| record.key)
            .collect();
        let expected: [&[u8]; 2] = [
            br#"{"keytype":"CONFIG","magic":0}"#,
            br#"{"keytype":"CONFIG","subject":null,"magic":0}"#,
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn deletion_uses_the_key_that_was_read() {
        let index = folded(usize::MAX);
        let deletion = index.deletion("karapace-value", 1);
        let expected = r#"{"magic":1,"subject":"karapace-value","version":1,"keytype":"SCHEMA"}"#;
        assert_eq!(deletion.key, expected.as_bytes());
        let canonical = index.deletion("users-value", 2);
        let expected = br#"{"keytype":"SCHEMA","subject":"users-value","version":2,"magic":1}"#;
        assert_eq!(canonical.key, expected);
    }

    #[test]
    fn content_is_kept_once_and_goes_with_its_last_version() {
        let mut index = Index::default();
        schema(&mut index, "a", 1, (1, "\"int\""));
        schema(&mut index, "b", 1, (1, "\"int\""));
        let one = &index.version("a", 1).unwrap().content;
        assert!(Arc::ptr_eq(one, &index.version("b", 1).unwrap().content));
        let content = Content::avro("\"int\"".to_owned(), Vec::new());
        let gone = |subject: &str| Key::Schema { subject: subject.to_owned(), version: 1 }.encode();
        index.apply(Incoming::decode(Some(&gone("a")), None).unwrap()).unwrap();
        assert_eq!(index.id_of(&content), Some(1));
        assert!(!index.has_subject("a", Deleted::With));
        index.apply(Incoming::decode(Some(&gone("b")), None).unwrap()).unwrap();
        assert_eq!(index.id_of(&content), None);
        assert!(index.by_id(1).is_none());
        assert_eq!((index.max_id(), index.next_version("b")), (1, 1));
        assert!(index.ids.is_empty() && index.contents.is_empty() && index.subjects.is_empty());
    }

    #[test]
    fn id_of_another_schema_is_not_taken() {
        let mut index = Index::default();
        schema(&mut index, "a", 1, (1, "\"int\""));
        let error = apply(
            &mut index,
            r#"{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}"#,
            Some(r#"{"subject":"b","version":1,"id":1,"schema":"\"long\""}"#),
        )
        .unwrap_err();
        assert_eq!(error, ApplyError::IdTaken { subject: "b".into(), version: 1, id: 1 });
        assert_eq!(index.by_id(1).unwrap().text.as_ref(), "\"int\"");
        assert!(!index.has_subject("b", Deleted::With));
    }

    #[test]
    fn version_numbers_are_not_used_twice_while_the_subject_lives() {
        let mut index = Index::default();
        schema(&mut index, "a", 1, (1, "\"int\""));
        schema(&mut index, "a", 2, (2, "\"long\""));
        let key = r#"{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}"#;
        apply(&mut index, key, None).unwrap();
        assert_eq!(index.next_version("a"), 3);
        let key = r#"{"keytype":"DELETE_SUBJECT","subject":"a","magic":0}"#;
        apply(&mut index, key, Some(r#"{"subject":"a","version":2}"#)).unwrap();
        assert_eq!(numbers(&index, "a", Deleted::Only), [1]);
        let key = r#"{"keytype":"CLEAR_SUBJECT","subject":"a","magic":0}"#;
        apply(&mut index, key, Some(r#"{"subject":"a"}"#)).unwrap();
        assert!(!index.has_subject("a", Deleted::With));
    }

    #[test]
    fn topic_of_redpanda_s_registry_is_known_by_its_keys() {
        let mut index = Index::default();
        let key = r#"{"keytype":"CONFIG","subject":null,"magic":0,"seq":4,"node":1}"#;
        apply(&mut index, key, Some(r#"{"compatibilityLevel":"FULL"}"#)).unwrap();
        assert!(index.is_sequenced());
    }

    #[test]
    fn subjects_are_found_by_prefix() {
        let mut index = Index::default();
        for subject in ["a", "ab", "abc", "b"] {
            schema(&mut index, subject, 1, (1, "\"int\""));
        }
        let names: Vec<&str> = index.subjects("ab", Deleted::Without).map(|s| &**s).collect();
        assert_eq!(names, ["ab", "abc"]);
    }
}
