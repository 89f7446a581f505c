//! A registry in memory, for tests: counts what it is asked, and fails when told to.

use std::sync::{Arc, Mutex};

use schema_registry_client::RegistryError;
use schema_registry_client::envelope::SchemaName;

use super::registry::{Registered, Result, SchemaRegistry, SchemaText};

/// What the registry holds, shared with the test.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Subject, version, id, schema.
    pub versions: Vec<(String, i32, i32, SchemaText)>,
    /// Questions so far.
    pub asked: usize,
    /// Error code of every answer, 0 when all is well; 1 when the registry is away.
    pub failing: i32,
}

/// A registry in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryRegistry(pub Arc<Mutex<Contents>>);

impl MemoryRegistry {
    /// Adds a version to a subject.
    pub(super) fn add(&self, subject: &str, schema: SchemaText) -> i32 {
        let mut contents = self.0.lock().unwrap();
        let known = contents.versions.iter().find(|one| one.3 == schema).map(|one| one.2);
        let next = contents.versions.iter().map(|one| one.2).max().unwrap_or(0) + 1;
        let id = known.unwrap_or(next);
        let version = contents.versions.iter().filter(|one| one.0 == subject).count() + 1;
        let version = i32::try_from(version).unwrap();
        contents.versions.push((subject.to_owned(), version, id, schema));
        id
    }

    fn one(&self, wanted: impl Fn(&str, i32, i32, &SchemaText) -> bool) -> Result<Registered> {
        let mut contents = self.0.lock().unwrap();
        contents.asked += 1;
        match contents.failing {
            0 => {}
            1 => {
                let source = Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
                return Err(RegistryError::Unavailable { source }.into());
            }
            code => {
                return Err(RegistryError::Refused { code, message: "no".to_owned() }.into());
            }
        }
        let found = contents.versions.iter().rev().find(|one| wanted(&one.0, one.1, one.2, &one.3));
        let (_, version, id, schema) = found.ok_or_else(|| RegistryError::Refused {
            code: 40_403,
            message: "Schema not found".to_owned(),
        })?;
        Ok(Registered { id: *id, version: *version, schema: schema.clone() })
    }
}

impl SchemaRegistry for MemoryRegistry {
    fn register(&mut self, subject: &str, schema: &SchemaText, _normalize: bool) -> Result<i32> {
        match self.find(subject, schema, false) {
            Ok(found) => Ok(found.id),
            Err(error) if error.is_not_found() => Ok(self.add(subject, schema.clone())),
            Err(error) => Err(error),
        }
    }

    fn find(&mut self, subject: &str, schema: &SchemaText, _normalize: bool) -> Result<Registered> {
        self.one(|own, _, _, text| own == subject && text == schema)
    }

    fn latest(&mut self, subject: &str) -> Result<Registered> {
        self.one(|own, _, _, _| own == subject)
    }

    fn version(&mut self, subject: &str, version: i32) -> Result<Registered> {
        self.one(|own, number, _, _| own == subject && number == version)
    }

    /// The guid of a schema ends with its id here.
    fn schema(&mut self, name: SchemaName) -> Result<SchemaText> {
        let id = match name {
            SchemaName::Id(id) => id,
            SchemaName::Guid(guid) => i32::from_be_bytes(*guid.last_chunk().unwrap()),
        };
        self.one(|_, _, own, _| own == id).map(|found| found.schema)
    }
}
