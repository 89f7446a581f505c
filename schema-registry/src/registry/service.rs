//! The registry as callers use it: store, settings and cache together.

use std::sync::Arc;

use parking_lot::RwLock;
use schema_registry_client::avro::Strictness;
use schema_registry_client::rest::{ConfigResponse, SchemaRequest};

use super::checks;
use super::delete::{self, Deletion};
use super::error::RegistryError;
use super::names::VersionId;
use super::register::{self, Found, RegisterOptions, Registration};
use super::schemas::{NewSchema, SchemaCache, read_new, read_stored};
use super::settings::{self, ModeDeletion, SettingsChange};
use crate::compatibility::Verdict;
use crate::config::RegistryConfig;
use crate::store::KafkaStore;
use crate::store::content::Content;
use crate::store::index::{Deleted, Index};
use crate::store::record::Mode;
use crate::store::writer::{Footprint, Ground};

/// With which versions of a subject a schema is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// With this one.
    Version(VersionId),
    /// With those that a registration would be compared with.
    All,
}

/// A schema registry.
pub struct Registry {
    store: KafkaStore,
    config: Arc<RegistryConfig>,
    cache: Arc<SchemaCache>,
}

/// What work outside of the runtime needs.
#[derive(Clone)]
struct Desk {
    index: Arc<RwLock<Index>>,
    cache: Arc<SchemaCache>,
    config: Arc<RegistryConfig>,
}

impl Desk {
    /// Reads a schema for a subject, normalised when the caller or the settings want it.
    fn read(
        &self,
        subject: &str,
        request: &mut SchemaRequest,
        strictness: Strictness,
        normalize: bool,
    ) -> Result<NewSchema, RegistryError> {
        let scope = settings::scope(&self.index.read(), subject, self.config.compatibility);
        request.subject = Some(subject.to_owned());
        read_new(&self.index, request, strictness, normalize || scope.normalize)
    }
}

impl Registry {
    /// Puts a registry on a store.
    #[must_use]
    pub fn new(store: KafkaStore, config: Arc<RegistryConfig>) -> Self {
        Self { store, config, cache: Arc::default() }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &RegistryConfig {
        &self.config
    }

    /// Makes everything that waits for Kafka give up.
    pub fn close(&self) {
        self.store.close();
    }

    fn desk(&self) -> Desk {
        Desk {
            index: self.store.index(),
            cache: Arc::clone(&self.cache),
            config: Arc::clone(&self.config),
        }
    }

    /// Reads the index, once everything that was there at the start has been read.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Store`] while Kafka is away.
    pub async fn read<T>(&self, read: impl FnOnce(&Index) -> T) -> Result<T, RegistryError> {
        self.store.ready().await?;
        Ok(self.store.read(read))
    }

    /// Registers a schema.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when it is invalid, incompatible or not allowed, or Kafka does not take it.
    pub async fn register(
        &self,
        subject: String,
        mut request: SchemaRequest,
        options: RegisterOptions,
    ) -> Result<Found, RegistryError> {
        register::refuse_unoffered(&request)?;
        self.store.ready().await?;
        if request.id.is_some_and(|id| id >= 0) {
            return Err(RegistryError::NotImport(subject));
        }
        let version = request.version.filter(|version| *version != 0);
        if request.schema.trim().is_empty()
            && let Some(latest) = self.latest(&subject)
        {
            return Ok(latest);
        }
        let desk = self.desk();
        let (known, subject, new) = blocking(move || {
            let new = desk.read(&subject, &mut request, Strictness::New, options.normalize)?;
            let known = version
                .is_none()
                .then(|| register::find_registered(&desk.index, &desk.cache, (&subject, &new)))
                .flatten();
            Ok((known, subject, new))
        })
        .await?;
        if let Some(known) = known {
            return Ok(known);
        }
        let default_level = self.config.compatibility;
        let footprint =
            Footprint::Registration { subject: subject.clone(), content: new.content.hash };
        let force = options.force;
        let registration = Registration { subject, new, version, default_level, force };
        let cache = Arc::clone(&self.cache);
        let decide = move |ground: &Ground<'_>| register::decide(ground, &cache, &registration);
        self.store.change(footprint, decide).await
    }

    fn latest(&self, subject: &str) -> Option<Found> {
        self.store.read(|index| {
            let (version, found) = VersionId::Latest.find(index, subject, Deleted::Without)?;
            Some(Found {
                subject: subject.to_owned(),
                version,
                id: found.id,
                content: Arc::clone(&found.content),
                deleted: false,
            })
        })
    }

    /// Finds a schema in a subject.
    ///
    /// # Errors
    ///
    /// [`RegistryError::SubjectNotFound`], [`RegistryError::SchemaNotFound`], or what is wrong with
    /// the schema.
    pub async fn look_up(
        &self,
        subject: String,
        mut request: SchemaRequest,
        deleted: Deleted,
        normalize: bool,
    ) -> Result<Found, RegistryError> {
        register::refuse_unoffered(&request)?;
        self.store.ready().await?;
        let desk = self.desk();
        blocking(move || {
            let new = desk.read(&subject, &mut request, Strictness::Stored, normalize)?;
            register::find(&desk.index, &desk.cache, (&subject, &new), deleted).ok_or_else(|| {
                if desk.index.read().has_subject(&subject, deleted) {
                    RegistryError::SchemaNotFound
                } else {
                    RegistryError::SubjectNotFound(subject)
                }
            })
        })
        .await
    }

    /// Checks whether a schema may join a subject.
    ///
    /// # Errors
    ///
    /// [`RegistryError::VersionNotFound`], or what is wrong with the schema.
    pub async fn check(
        &self,
        subject: String,
        compared: Compared,
        mut request: SchemaRequest,
        normalize: bool,
    ) -> Result<Verdict, RegistryError> {
        register::refuse_unoffered(&request)?;
        self.store.ready().await?;
        let desk = self.desk();
        blocking(move || {
            let mut previous = checks::live_versions(&desk.index.read(), &subject);
            match compared {
                Compared::All => {}
                Compared::Version(VersionId::Latest) => {
                    previous.drain(..previous.len().saturating_sub(1));
                }
                Compared::Version(VersionId::Number(wanted)) => {
                    previous.retain(|(number, _, _)| *number == wanted);
                    if previous.is_empty() {
                        return Err(RegistryError::VersionNotFound(wanted));
                    }
                }
            }
            let new = desk.read(&subject, &mut request, Strictness::New, normalize)?;
            let level =
                settings::scope(&desk.index.read(), &subject, desk.config.compatibility).level;
            checks::check(&desk.index, &desk.cache, (level, &new.schema), &previous)
        })
        .await
    }

    /// Prints a stored schema with its references written out.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unreadable`]
    pub async fn resolved(&self, id: i32, content: Arc<Content>) -> Result<String, RegistryError> {
        let desk = self.desk();
        blocking(move || {
            let schema = read_stored(&desk.index, &desk.cache, (id, &content))?;
            Ok(schema.resolved_string())
        })
        .await
    }

    /// Deletes a version and returns its number.
    ///
    /// # Errors
    ///
    /// As [`delete::decide_version`], or Kafka does not take it.
    pub async fn delete_version(
        &self,
        subject: String,
        version: String,
        deletion: Deletion,
    ) -> Result<i32, RegistryError> {
        self.store.ready().await?;
        self.store
            .change(Footprint::Everything, move |ground| {
                delete::decide_version(&ground.index.read(), (&subject, &version), deletion)
            })
            .await
    }

    /// Deletes a subject and returns the numbers of its versions.
    ///
    /// # Errors
    ///
    /// As [`delete::decide_subject`], or Kafka does not take it.
    pub async fn delete_subject(
        &self,
        subject: String,
        deletion: Deletion,
    ) -> Result<Vec<i32>, RegistryError> {
        self.store.ready().await?;
        self.store
            .change(Footprint::Everything, move |ground| {
                delete::decide_subject(&ground.index.read(), &subject, deletion)
            })
            .await
    }

    /// Changes the settings of a subject, or of all.
    ///
    /// # Errors
    ///
    /// [`RegistryError::ReadOnly`], or Kafka does not take it.
    pub async fn set_config(
        &self,
        subject: Option<String>,
        change: SettingsChange,
    ) -> Result<(), RegistryError> {
        self.store.ready().await?;
        let decide =
            move |index: &Index| settings::decide_config(index, subject.as_deref(), change);
        self.store.change(Footprint::Everything, move |ground| decide(&ground.index.read())).await
    }

    /// Unsets the settings of a subject, or of all, and returns what they were.
    ///
    /// # Errors
    ///
    /// [`RegistryError::ReadOnly`], or Kafka does not take it.
    pub async fn delete_config(
        &self,
        subject: Option<String>,
    ) -> Result<Option<ConfigResponse>, RegistryError> {
        self.store.ready().await?;
        let default = self.config.compatibility;
        let decide = move |index: &Index| {
            settings::decide_config_deletion(index, subject.as_deref(), default)
        };
        self.store.change(Footprint::Everything, move |ground| decide(&ground.index.read())).await
    }

    /// Changes the mode of a subject, or of all.
    ///
    /// # Errors
    ///
    /// [`RegistryError::ModeFixed`], or Kafka does not take it.
    pub async fn set_mode(&self, subject: Option<String>, mode: Mode) -> Result<(), RegistryError> {
        self.refuse_fixed_modes()?;
        self.store.ready().await?;
        let decide = move |index: &Index| settings::decide_mode(index, subject.as_deref(), mode);
        self.store
            .change(Footprint::Everything, move |ground| Ok(decide(&ground.index.read())))
            .await
    }

    /// Unsets modes and returns what the first of them was.
    ///
    /// # Errors
    ///
    /// [`RegistryError::ModeFixed`], or Kafka does not take it.
    pub async fn delete_mode(&self, deletion: ModeDeletion) -> Result<Option<Mode>, RegistryError> {
        self.refuse_fixed_modes()?;
        self.store.ready().await?;
        let decide = move |index: &Index| settings::decide_mode_deletion(index, &deletion);
        self.store
            .change(Footprint::Everything, move |ground| Ok(decide(&ground.index.read())))
            .await
    }

    fn refuse_fixed_modes(&self) -> Result<(), RegistryError> {
        if self.config.mode_mutability { Ok(()) } else { Err(RegistryError::ModeFixed) }
    }
}

/// Runs work that may take long outside of the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(%error, "work for a request was cut off");
            Err(RegistryError::Interrupted)
        }
    }
}
