//! A schema registry over HTTP, for callers that block.
//!
//! Requests run on a runtime of their own, one thread for all converters of the process, because
//! the caller may be on a thread that another runtime owns, where waiting for a future panics. It
//! ends with the last converter. Addresses are tried in turn, from the one that last answered.

use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak, mpsc};
use std::time::Duration;

use connect_api::ConnectError;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use super::registry::{Reference, Registered, RegistryError, Result, SchemaRegistry, SchemaText};
use super::settings::RegistryAccess;

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// A schema registry over HTTP.
#[derive(Debug)]
pub struct HttpRegistry {
    client: Client,
    urls: Vec<Url>,
    /// Name and password from the settings; those in an address need no help.
    credentials: Option<(String, config::Password)>,
    /// Index of the address that answered last.
    current: usize,
    runtime: Arc<SharedRuntime>,
}

impl HttpRegistry {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Config: an address that is none, or a user info without a colon.
    pub fn new(access: &RegistryAccess) -> connect_api::Result<Self> {
        let mut urls = Vec::with_capacity(access.urls.len());
        for text in &access.urls {
            let url = Url::parse(text.trim()).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && !url.cannot_be_a_base()
            });
            urls.push(url.ok_or_else(|| {
                let shown = text.rsplit_once('@').map_or(text.as_str(), |(_, address)| address);
                ConnectError::config("schema.registry.url", shown, "expected http://host:port")
            })?);
        }
        let credentials = match access.user_info.as_ref().map(config::Password::reveal) {
            None => None,
            Some(text) => {
                let (name, password) = text.split_once(':').ok_or_else(|| {
                    ConnectError::config(
                        "basic.auth.user.info",
                        config::HIDDEN,
                        "expected name:password",
                    )
                })?;
                Some((name.to_owned(), config::Password::new(password)))
            }
        };
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| {
                ConnectError::fatal("make an HTTP client for the schema registry").because(error)
            })?;
        let runtime = SharedRuntime::get().map_err(|error| {
            ConnectError::fatal("start the schema registry client").because(error)
        })?;
        Ok(Self { client, urls, credentials, current: 0, runtime })
    }

    /// Sends a request to one address after another until one answers.
    fn ask<A: DeserializeOwned + Send + 'static>(
        &mut self,
        method: &Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&SchemaBody>,
    ) -> Result<A> {
        let mut failure = None;
        for turn in 0..self.urls.len() {
            let place = (self.current + turn) % self.urls.len();
            let request = self.request(&self.urls[place], (method, path, query), body);
            match self.runtime.run(answer(request)) {
                Err(error @ RegistryError::Unavailable { .. }) => failure = Some(error),
                outcome => {
                    self.current = place;
                    return outcome;
                }
            }
        }
        Err(failure.unwrap_or_else(|| RegistryError::Unavailable {
            source: Box::from("schema.registry.url is empty"),
        }))
    }

    fn request(
        &self,
        base: &Url,
        (method, path, query): (&Method, &[&str], &[(&str, &str)]),
        body: Option<&SchemaBody>,
    ) -> RequestBuilder {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method.clone(), url).header(ACCEPT, MEDIA_TYPE);
        if let Some((name, password)) = &self.credentials {
            request = request.basic_auth(name, Some(password.reveal()));
        }
        match body {
            Some(body) => {
                let body = serde_json::to_vec(body).expect("texts and numbers have a JSON form");
                request.header(CONTENT_TYPE, MEDIA_TYPE).body(body)
            }
            None => request,
        }
    }
}

impl SchemaRegistry for HttpRegistry {
    fn register(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<i32> {
        let path = ["subjects", subject, "versions"];
        let body = SchemaBody::from(schema);
        let answer: IdAnswer =
            self.ask(&Method::POST, &path, normalize_query(normalize), Some(&body))?;
        Ok(answer.id)
    }

    fn find(&mut self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<Registered> {
        let path = ["subjects", subject];
        let body = SchemaBody::from(schema);
        let answer: VersionAnswer =
            self.ask(&Method::POST, &path, normalize_query(normalize), Some(&body))?;
        Ok(answer.into())
    }

    fn latest(&mut self, subject: &str) -> Result<Registered> {
        let path = ["subjects", subject, "versions", "latest"];
        let answer: VersionAnswer = self.ask(&Method::GET, &path, &[], None)?;
        Ok(answer.into())
    }

    fn version(&mut self, subject: &str, version: i32) -> Result<Registered> {
        let version = version.to_string();
        let path = ["subjects", subject, "versions", &version];
        // A schema that others refer to serves them even after its soft deletion.
        let query = [("deleted", "true")];
        let answer: VersionAnswer = self.ask(&Method::GET, &path, &query, None)?;
        Ok(answer.into())
    }

    fn schema_by_id(&mut self, id: i32) -> Result<SchemaText> {
        let id = id.to_string();
        let answer: SchemaBody = self.ask(&Method::GET, &["schemas", "ids", &id], &[], None)?;
        Ok(answer.into())
    }
}

fn normalize_query(normalize: bool) -> &'static [(&'static str, &'static str)] {
    if normalize { &[("normalize", "true")] } else { &[] }
}

/// Sends a request and reads what comes back, up to a limit.
async fn answer<A: DeserializeOwned>(request: RequestBuilder) -> Result<A> {
    let away = |error: reqwest::Error| RegistryError::Unavailable {
        // The address may hold a password.
        source: Box::new(error.without_url()),
    };
    let mut response = request.send().await.map_err(away)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(away)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            let source = Box::from(format!("more than {MAX_ANSWER} bytes"));
            return Err(RegistryError::Malformed { source });
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|error| RegistryError::Malformed { source: Box::new(error) });
    }
    let refusal = serde_json::from_slice(&body).unwrap_or_else(|_| Refusal {
        error_code: i32::from(status.as_u16()),
        message: format!("HTTP {status}"),
    });
    Err(RegistryError::Refused { code: refusal.error_code, message: refusal.message })
}

#[derive(Deserialize)]
struct Refusal {
    error_code: i32,
    message: String,
}

#[derive(Deserialize)]
struct IdAnswer {
    id: i32,
}

/// A schema in requests, and in answers by id.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaBody {
    schema: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    references: Vec<ReferenceBody>,
}

#[derive(Serialize, Deserialize)]
struct ReferenceBody {
    name: String,
    subject: String,
    version: i32,
}

#[derive(Deserialize)]
struct VersionAnswer {
    id: i32,
    version: i32,
    #[serde(flatten)]
    schema: SchemaBody,
}

impl From<&SchemaText> for SchemaBody {
    fn from(schema: &SchemaText) -> Self {
        let references = schema.references.iter().cloned();
        Self {
            schema: schema.text.clone(),
            schema_type: schema.schema_type.clone(),
            references: references
                .map(|Reference { name, subject, version }| ReferenceBody {
                    name,
                    subject,
                    version,
                })
                .collect(),
        }
    }
}

impl From<SchemaBody> for SchemaText {
    fn from(body: SchemaBody) -> Self {
        let references = body.references.into_iter();
        Self {
            text: body.schema,
            schema_type: body.schema_type,
            references: references
                .map(|ReferenceBody { name, subject, version }| Reference {
                    name,
                    subject,
                    version,
                })
                .collect(),
        }
    }
}

impl From<VersionAnswer> for Registered {
    fn from(answer: VersionAnswer) -> Self {
        Self { id: answer.id, version: answer.version, schema: answer.schema.into() }
    }
}

/// The runtime on which the requests of all converters run.
#[derive(Debug)]
struct SharedRuntime(Option<Runtime>);

static RUNTIME: LazyLock<Mutex<Weak<SharedRuntime>>> = LazyLock::new(Mutex::default);

impl SharedRuntime {
    /// Returns the runtime in use, or starts one.
    fn get() -> std::io::Result<Arc<Self>> {
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

    /// Runs a request to its end, which its own time limit bounds.
    fn run<A: Send + 'static>(
        &self,
        request: impl Future<Output = Result<A>> + Send + 'static,
    ) -> Result<A> {
        let (sender, receiver) = mpsc::sync_channel(1);
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move {
                // The receiver waits below, or its thread is gone and nobody needs the answer.
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
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    /// Answers one request per text and returns the requests.
    fn serve(answers: Vec<(u16, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut requests = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    let count = stream.read(&mut buffer).unwrap();
                    request.extend_from_slice(&buffer[..count]);
                    let text = String::from_utf8_lossy(&request).to_lowercase();
                    let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    if count == 0 || rest.len() >= length.unwrap_or(0) {
                        break;
                    }
                }
                requests.push(String::from_utf8(request).unwrap());
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
            requests
        });
        (url, thread)
    }

    fn access(urls: &[&str]) -> RegistryAccess {
        RegistryAccess { urls: urls.iter().map(|url| (*url).to_owned()).collect(), user_info: None }
    }

    #[test]
    fn requests_are_those_of_the_protocol() {
        let (url, server) = serve(vec![
            (200, r#"{"id":7,"version":1,"extra":{}}"#),
            (
                200,
                r#"{"subject":"s","version":2,"id":7,"schema":"\"int\"","references":[{"name":"n","subject":"r","version":3}]}"#,
            ),
            (404, r#"{"error_code":40403,"message":"Schema 9 not found"}"#),
            (502, "<html>"),
            (200, "[]"),
        ]);
        let mut access = access(&[&url]);
        access.user_info = Some(config::Password::new("me:secret"));
        let mut registry = HttpRegistry::new(&access).unwrap();
        let schema = SchemaText { text: "\"int\"".to_owned(), ..SchemaText::default() };
        assert_eq!(registry.register("a/b c", &schema, true).unwrap(), 7);
        let found = registry.find("s", &schema, false).unwrap();
        assert_eq!((found.id, found.version, found.schema.references.len()), (7, 2, 1));
        let error = registry.schema_by_id(9).unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "Schema 9 not found (error code 40403)");
        assert_eq!(registry.latest("s").unwrap_err().status(), Some(502));
        let error = registry.version("s", 1).unwrap_err();
        assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
        let requests = server.join().unwrap();
        let lines: Vec<&str> = requests.iter().map(|text| text.lines().next().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "POST /subjects/a%2Fb%20c/versions?normalize=true HTTP/1.1",
                "POST /subjects/s HTTP/1.1",
                "GET /schemas/ids/9 HTTP/1.1",
                "GET /subjects/s/versions/latest HTTP/1.1",
                "GET /subjects/s/versions/1?deleted=true HTTP/1.1",
            ]
        );
        assert!(requests[0].ends_with(r#"{"schema":"\"int\""}"#), "{}", requests[0]);
        assert!(requests[0].contains("authorization: Basic bWU6c2VjcmV0"), "{}", requests[0]);
        assert!(requests[0].contains(MEDIA_TYPE));
    }

    #[test]
    fn next_address_is_tried_when_one_is_away() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let away = format!("http://u:hunter2@{}", closed.local_addr().unwrap());
        drop(closed);
        let (url, server) = serve(vec![(200, r#"{"schema":"1"}"#), (200, r#"{"schema":"2"}"#)]);
        let mut registry = HttpRegistry::new(&access(&[&away, &url])).unwrap();
        assert_eq!(registry.schema_by_id(1).unwrap().text, "1");
        assert_eq!(registry.schema_by_id(2).unwrap().text, "2");
        server.join().unwrap();
        let error = HttpRegistry::new(&access(&[&away])).unwrap().schema_by_id(1).unwrap_err();
        let error = error.into_connect("x");
        assert!(error.is_retriable());
        assert!(!error.trace().contains("hunter2"), "{}", error.trace());
    }

    #[test]
    fn addresses_and_user_info_are_checked() {
        for url in ["", "localhost:8081", "ftp://x", "http://"] {
            let error = HttpRegistry::new(&access(&[url])).unwrap_err();
            assert!(error.to_string().contains("schema.registry.url"), "{error}");
        }
        let mut access = access(&["http://x"]);
        access.user_info = Some(config::Password::new("nocolon"));
        let error = HttpRegistry::new(&access).unwrap_err();
        assert!(!error.to_string().contains("nocolon"), "{error}");
    }

    #[test]
    fn another_runtime_s_thread_may_ask() {
        let (url, server) = serve(vec![(200, r#"{"schema":"1"}"#)]);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let text = runtime.block_on(async {
            HttpRegistry::new(&access(&[&url])).unwrap().schema_by_id(1).unwrap().text
        });
        assert_eq!(text, "1");
        server.join().unwrap();
    }
}
