//! The client for callers that block, such as converters.
//!
//! Requests run on one thread for all such clients of the process, because the caller may be on
//! a thread that another runtime owns, where waiting for a future panics. The thread ends with
//! the last client.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak, mpsc};

use tokio::runtime::{Builder, Runtime};

use crate::envelope::SchemaName;
use crate::error::{ClientError, RegistryError};
use crate::http_client::{Normalize, RegistryClient, RegistryClientSettings};
use crate::rest::{SchemaById, SchemaRequest, SubjectVersion};

/// Asks a registry, and blocks until it has answered or its time is up.
#[derive(Debug, Clone)]
pub struct BlockingClient {
    client: RegistryClient,
    runtime: Arc<SharedRuntime>,
}

impl BlockingClient {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// As [`RegistryClient::new`], and [`ClientError::Thread`].
    pub fn new(settings: &RegistryClientSettings) -> Result<Self, ClientError> {
        let client = RegistryClient::new(settings)?;
        Ok(Self { client, runtime: SharedRuntime::obtain()? })
    }

    /// See [`RegistryClient::register`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn register(
        &self,
        subject: &str,
        schema: &SchemaRequest,
        normalize: Normalize,
    ) -> Result<i32, RegistryError> {
        let (client, subject, schema) = (self.client.clone(), subject.to_owned(), schema.clone());
        self.runtime.run(async move { client.register(&subject, &schema, normalize).await })
    }

    /// See [`RegistryClient::look_up`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn look_up(
        &self,
        subject: &str,
        schema: &SchemaRequest,
        normalize: Normalize,
    ) -> Result<SubjectVersion, RegistryError> {
        let (client, subject, schema) = (self.client.clone(), subject.to_owned(), schema.clone());
        self.runtime.run(async move { client.look_up(&subject, &schema, normalize).await })
    }

    /// See [`RegistryClient::schema_by_id`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn schema_by_id(&self, id: i32) -> Result<Arc<SchemaById>, RegistryError> {
        let client = self.client.clone();
        self.runtime.run(async move { client.schema_by_id(id).await })
    }

    /// See [`RegistryClient::schema`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn schema(&self, name: SchemaName) -> Result<Arc<SchemaById>, RegistryError> {
        let client = self.client.clone();
        self.runtime.run(async move { client.schema(name).await })
    }

    /// See [`RegistryClient::latest`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn latest(&self, subject: &str) -> Result<SubjectVersion, RegistryError> {
        let (client, subject) = (self.client.clone(), subject.to_owned());
        self.runtime.run(async move { client.latest(&subject).await })
    }

    /// See [`RegistryClient::version`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn version(&self, subject: &str, version: i32) -> Result<SubjectVersion, RegistryError> {
        let (client, subject) = (self.client.clone(), subject.to_owned());
        self.runtime.run(async move { client.version(&subject, version).await })
    }
}

/// The runtime on which the requests of all blocking clients run.
#[derive(Debug)]
struct SharedRuntime(Option<Runtime>);

static RUNTIME: LazyLock<Mutex<Weak<SharedRuntime>>> = LazyLock::new(Mutex::default);

impl SharedRuntime {
    /// The runtime in use, or a new one.
    fn obtain() -> std::io::Result<Arc<Self>> {
        let mut shared = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = shared.upgrade() {
            return Ok(runtime);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(2)
            .thread_name("registry-client")
            .enable_all()
            .build()?;
        let runtime = Arc::new(Self(Some(runtime)));
        *shared = Arc::downgrade(&runtime);
        Ok(runtime)
    }

    /// Runs a request to its end, which its own time limits bound.
    fn run<A: Send + 'static>(
        &self,
        request: impl Future<Output = Result<A, RegistryError>> + Send + 'static,
    ) -> Result<A, RegistryError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move {
                // the receiver waits below, or its thread is gone and nobody needs the answer
                let _ = sender.send(request.await);
            });
        }
        receiver
            .recv()
            .unwrap_or_else(|error| Err(RegistryError::Unavailable { source: Box::new(error) }))
    }
}

impl Drop for SharedRuntime {
    /// Does not wait, because waiting is forbidden on another runtime's threads.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::TestServer;

    #[test]
    fn a_thread_of_another_runtime_may_ask() {
        let server =
            TestServer::start(vec![(200, r#"{"schema":"\"int\""}"#), (200, r#"{"id":3}"#)]);
        let settings = RegistryClientSettings::new(vec![server.url()]);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (schema, id) = runtime.block_on(async {
            let client = BlockingClient::new(&settings).unwrap();
            let request = SchemaRequest::avro("\"int\"");
            let schema = client.schema_by_id(1).unwrap();
            (schema, client.register("s", &request, Normalize::ByConfig).unwrap())
        });
        assert_eq!((schema.schema.as_str(), id), ("\"int\"", 3));
    }
}
