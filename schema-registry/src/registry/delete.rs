//! Deletion of versions and subjects: first soft, then for good.
//!
//! What others use is not deleted. A subject without a version that is not soft-deleted loses its
//! settings and mode.

use serde_json::json;

use super::error::RegistryError;
use super::names::VersionId;
use super::settings;
use crate::store::index::{Deleted, Index};
use crate::store::record::{Key, OutgoingRecord, SchemaValue};
use crate::store::writer::Decision;

/// How a deletion is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Hidden, but ids and references still work.
    Soft,
    /// For good, of what is soft-deleted.
    Permanent,
}

/// Decides the deletion of one version; the answer is its number.
///
/// # Errors
///
/// [`RegistryError`] when it is not there, already or not yet soft-deleted, used, or read-only.
pub fn decide_version(
    index: &Index,
    (subject, written): (&str, &str),
    deletion: Deletion,
) -> Result<Decision<i32>, RegistryError> {
    let wanted = VersionId::parse(written)?;
    let (number, version) = wanted.get(index, subject, Deleted::With)?;
    if deletion == Deletion::Soft
        && version.deleted
        && wanted.find(index, subject, Deleted::Without).is_none()
    {
        return Err(RegistryError::VersionSoftDeleted(subject.to_owned(), written.to_owned()));
    }
    // "latest" means the latest that can be deleted this way.
    let which = match deletion {
        Deletion::Soft => Deleted::Without,
        Deletion::Permanent => Deleted::With,
    };
    let (number, version) = wanted.find(index, subject, which).unwrap_or((number, version));
    settings::refuse_read_only(index, Some(subject))?;
    refuse_referenced(index, (subject, number), deletion)?;
    let records = match deletion {
        Deletion::Permanent if !version.deleted => {
            return Err(RegistryError::VersionNotSoftDeleted(subject.to_owned(), number));
        }
        Deletion::Permanent => vec![index.deletion(subject, number)],
        Deletion::Soft => {
            let key = Key::Schema { subject: subject.to_owned(), version: number };
            let mut value = SchemaValue::new(subject, number, version.id, &version.content);
            value.deleted = true;
            let mut records =
                vec![index.rewrite(subject, number, OutgoingRecord::put(&key, &value))];
            if index.versions(subject, Deleted::Without).count() == 1 {
                records.extend(index.mode_deletions(Some(subject)));
                records.extend(index.config_deletions(Some(subject)));
            }
            records
        }
    };
    Ok(Decision::append(records, number))
}

/// Decides the deletion of a subject; the answer is the versions deleted, in order.
///
/// # Errors
///
/// [`RegistryError`] when it is not there, already or not yet soft-deleted, used, or read-only.
pub fn decide_subject(
    index: &Index,
    subject: &str,
    deletion: Deletion,
) -> Result<Decision<Vec<i32>>, RegistryError> {
    if !index.has_subject(subject, Deleted::With) {
        return Err(RegistryError::SubjectNotFound(subject.to_owned()));
    }
    let which = match deletion {
        Deletion::Soft => Deleted::Without,
        Deletion::Permanent => Deleted::With,
    };
    let versions: Vec<i32> = index.versions(subject, which).map(|(number, _)| number).collect();
    let Some(last) = versions.last() else {
        return Err(RegistryError::SubjectSoftDeleted(subject.to_owned()));
    };
    settings::refuse_read_only(index, Some(subject))?;
    for number in &versions {
        refuse_referenced(index, (subject, *number), deletion)?;
    }
    let records = match deletion {
        Deletion::Permanent if index.has_subject(subject, Deleted::Without) => {
            return Err(RegistryError::SubjectNotSoftDeleted(subject.to_owned()));
        }
        Deletion::Permanent => {
            versions.iter().map(|number| index.deletion(subject, *number)).collect()
        }
        Deletion::Soft => {
            let key = Key::DeleteSubject { subject: subject.to_owned() };
            let value = json!({"subject": subject, "version": last});
            let mut records = vec![OutgoingRecord::put(&key, &value)];
            records.extend(index.mode_deletions(Some(subject)));
            records.extend(index.config_deletions(Some(subject)));
            records
        }
    };
    Ok(Decision::append(records, versions))
}

/// A version that is soft-deleted itself does not hold what it uses back from a soft deletion. For
/// good, that goes only after it: its id can still be read.
fn refuse_referenced(
    index: &Index,
    (subject, version): (&str, i32),
    deletion: Deletion,
) -> Result<(), RegistryError> {
    let holds = |(user, number)| {
        deletion == Deletion::Permanent
            || index.version(user, number).is_some_and(|found| !found.deleted)
    };
    let used = index.referrers(subject, version).any(holds);
    if used { Err(RegistryError::Referenced(subject.to_owned(), version)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Incoming;

    fn fold(index: &mut Index, records: &[OutgoingRecord]) {
        for record in records {
            let incoming = Incoming::decode(Some(&record.key), record.value.as_deref()).unwrap();
            index.apply(incoming).unwrap();
        }
    }

    fn with_versions(texts: &[&str]) -> Index {
        let mut index = Index::default();
        for (place, text) in texts.iter().enumerate() {
            let number = i32::try_from(place + 1).unwrap();
            let content = crate::store::Content::avro((*text).to_owned(), Vec::new());
            let key = Key::Schema { subject: "s".to_owned(), version: number };
            let value = SchemaValue::new("s", number, number, &content);
            fold(&mut index, &[OutgoingRecord::put(&key, &value)]);
        }
        index
    }

    #[track_caller]
    fn delete(index: &mut Index, written: &str, deletion: Deletion) -> Result<i32, i32> {
        let decision =
            decide_version(index, ("s", written), deletion).map_err(|error| error.code())?;
        fold(index, &decision.records);
        Ok(decision.answer)
    }

    #[test]
    fn version_is_deleted_in_two_steps() {
        let mut index = with_versions(&["\"int\"", "\"long\""]);
        assert_eq!(delete(&mut index, "1", Deletion::Permanent), Err(40407));
        assert_eq!(delete(&mut index, "1", Deletion::Soft), Ok(1));
        assert_eq!(delete(&mut index, "1", Deletion::Soft), Err(40406));
        assert_eq!(delete(&mut index, "1", Deletion::Permanent), Ok(1));
        assert_eq!(delete(&mut index, "1", Deletion::Permanent), Err(40402));
        assert_eq!(delete(&mut index, "latest", Deletion::Soft), Ok(2));
        assert_eq!(delete(&mut index, "latest", Deletion::Soft), Err(40406));
        assert_eq!(delete(&mut index, "zero", Deletion::Soft), Err(42202));
        assert!(index.by_id(2).is_some(), "an id outlives the soft deletion of its version");
        assert_eq!(delete(&mut index, "-1", Deletion::Permanent), Ok(2));
        assert_eq!(delete(&mut index, "1", Deletion::Soft), Err(40401));
        assert!(index.by_id(2).is_none());
    }

    #[test]
    fn latest_skips_what_is_soft_deleted() {
        let mut index = with_versions(&["\"int\"", "\"long\""]);
        assert_eq!(delete(&mut index, "latest", Deletion::Soft), Ok(2));
        assert_eq!(delete(&mut index, "latest", Deletion::Soft), Ok(1));
    }

    #[test]
    fn subject_is_deleted_in_two_steps_with_its_settings() {
        let mut index = with_versions(&["\"int\"", "\"long\""]);
        let key = Key::Config { subject: Some("s".to_owned()) };
        let level = json!({"compatibilityLevel": "NONE"});
        fold(&mut index, &[OutgoingRecord::put(&key, &level)]);
        let code =
            |decision: Result<Decision<Vec<i32>>, RegistryError>| decision.unwrap_err().code();
        assert_eq!(code(decide_subject(&index, "x", Deletion::Soft)), 40401);
        assert_eq!(code(decide_subject(&index, "s", Deletion::Permanent)), 40405);
        let decision = decide_subject(&index, "s", Deletion::Soft).unwrap();
        assert_eq!(decision.answer, [1, 2]);
        fold(&mut index, &decision.records);
        assert!(index.config(Some("s")).is_none());
        assert_eq!(code(decide_subject(&index, "s", Deletion::Soft)), 40404);
        let decision = decide_subject(&index, "s", Deletion::Permanent).unwrap();
        fold(&mut index, &decision.records);
        assert!(!index.has_subject("s", Deleted::With));
    }
}
