//! A registry over HTTP, asynchronous: several addresses, limits, and memory of what was asked.
//!
//! A request goes to the address that last answered, then to the others in turn; when none
//! answers, it is tried again after a growing pause. All requests of this interface may be
//! repeated, because registering a schema twice gives one id. A schema never changes behind its
//! id, so what is kept by id needs no expiry; deletions are not seen, as with other clients. The
//! latest versions and the registry's refusals may be kept too, for a time.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Cache, ExpiringCache};
use crate::envelope::SchemaName;
use crate::error::{ClientError, RegistryError};
use crate::rest::{
    CompatibilityResponse, ConfigResponse, ConfigUpdate, MEDIA_TYPE, RegisterResponse, SchemaById,
    SchemaRequest, SubjectVersion,
};

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Refusals that are remembered, and the longest message of one.
const MAX_REFUSALS: usize = 200;
const MAX_REFUSAL_MESSAGE: usize = 64 * 1024;
/// Media types that are understood, the best first.
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json; q=0.9, application/json; q=0.5";

/// How to reach a registry.
#[derive(Debug, Clone)]
pub struct RegistryClientSettings {
    /// Addresses such as `http://localhost:8081`, tried in turn. Credentials may stand in them.
    pub urls: Vec<String>,
    /// `name:password` for addresses without credentials.
    pub user_info: Option<config::Password>,
    /// Bearer token for addresses without credentials; goes before the user info.
    pub bearer_token: Option<config::Password>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for one answer.
    pub request_timeout: Duration,
    /// How often all addresses are tried, at least once.
    pub rounds: u32,
    /// The pause after the first round; it doubles.
    pub backoff: Duration,
    /// How many schemas, and how many registrations, are remembered.
    pub cache_size: usize,
    /// Of how many subjects the latest version is remembered.
    pub latest_cache_size: usize,
    /// How long the latest version of a subject is remembered; for ever when none.
    pub latest_cache_ttl: Option<Duration>,
    /// How long a refusal answers the same request again.
    pub refusal_ttl: Duration,
}

impl RegistryClientSettings {
    /// Settings with the usual limits: 10 s to connect, 30 s for an answer, 2 rounds, 1000
    /// schemas; neither latest versions nor refusals are remembered.
    #[must_use]
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            user_info: None,
            bearer_token: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            rounds: 2,
            backoff: Duration::from_millis(100),
            cache_size: 1000,
            latest_cache_size: 0,
            latest_cache_ttl: None,
            refusal_ttl: Duration::ZERO,
        }
    }
}

/// Asks a registry. Cheap to clone; clones share connections and caches.
#[derive(Clone)]
pub struct RegistryClient(Arc<Inner>);

struct Inner {
    http: Client,
    addresses: Vec<Address>,
    /// Index of the address that answered last.
    current: AtomicUsize,
    rounds: u32,
    backoff: Duration,
    by_name: Mutex<Cache<SchemaName, Arc<SchemaById>>>,
    ids: Mutex<Cache<(String, String), i32>>,
    latest: Mutex<ExpiringCache<String, SubjectVersion>>,
    /// Code and message of refusals, by the hash of the request.
    refusals: Mutex<ExpiringCache<[u8; 16], (i32, String)>>,
}

/// Where a registry answers, and as whom.
struct Address {
    url: Url,
    credentials: Option<Credentials>,
}

/// How a request says who asks.
#[derive(Clone)]
enum Credentials {
    Basic {
        name: String,
        password: config::Password,
    },
    /// The whole header.
    Bearer(HeaderValue),
}

impl Credentials {
    /// Those of the settings, for addresses that have none.
    fn of(settings: &RegistryClientSettings) -> Result<Option<Self>, ClientError> {
        if let Some(token) = &settings.bearer_token {
            let text = format!("Bearer {}", token.reveal());
            let mut header = HeaderValue::from_str(&text).map_err(|_| ClientError::InvalidToken)?;
            header.set_sensitive(true);
            return Ok(Some(Self::Bearer(header)));
        }
        let Some(text) = &settings.user_info else { return Ok(None) };
        let (name, password) = text.reveal().split_once(':').ok_or(ClientError::InvalidUserInfo)?;
        Ok(Some(Self::Basic { name: name.to_owned(), password: config::Password::new(password) }))
    }
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<&str> = self.0.addresses.iter().map(|a| a.url.as_str()).collect();
        f.debug_struct("RegistryClient").field("urls", &urls).finish_non_exhaustive()
    }
}

/// What a request is, but for the address.
struct Question<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<Vec<u8>>,
}

impl<'a> Question<'a> {
    const fn get(path: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }

    fn with(
        method: Method,
        path: &'a [&'a str],
        query: &'a [(&'a str, &'a str)],
        body: &impl Serialize,
    ) -> Self {
        let body = serde_json::to_vec(body).expect("bodies of texts and numbers have a JSON form");
        Self { method, path, query, body: Some(body) }
    }

    /// Hash of all that the registry sees.
    fn digest(&self) -> [u8; 16] {
        let mut hash = Md5::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        };
        add(self.method.as_str().as_bytes());
        self.path.iter().for_each(|part| add(part.as_bytes()));
        add(b"?");
        for (key, value) in self.query {
            add(key.as_bytes());
            add(value.as_bytes());
        }
        add(self.body.as_deref().unwrap_or_default());
        hash.finalize().into()
    }
}

/// Whether a registry normalises a schema before it compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Normalize {
    /// As the subject's config says, otherwise not.
    #[default]
    ByConfig,
    /// In any case.
    Always,
}

impl Normalize {
    const fn query(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ByConfig => &[],
            Self::Always => &[("normalize", "true")],
        }
    }
}

impl RegistryClient {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError`] for an address or a user info that is none.
    pub fn new(settings: &RegistryClientSettings) -> Result<Self, ClientError> {
        // the first provider of the process stays; ours is the same one
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let credentials = Credentials::of(settings)?;
        let addresses = settings
            .urls
            .iter()
            .map(|text| Address::parse(text, credentials.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(ClientError::NoAddress);
        }
        let http = Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Http(Box::new(error)))?;
        Ok(Self(Arc::new(Inner {
            http,
            addresses,
            current: AtomicUsize::new(0),
            rounds: settings.rounds.max(1),
            backoff: settings.backoff,
            by_name: Mutex::new(Cache::new(settings.cache_size)),
            ids: Mutex::new(Cache::new(settings.cache_size)),
            latest: Mutex::new(ExpiringCache::new(
                settings.latest_cache_size,
                settings.latest_cache_ttl,
            )),
            refusals: Mutex::new(ExpiringCache::new(MAX_REFUSALS, Some(settings.refusal_ttl))),
        })))
    }

    /// Registers a schema under a subject and returns its id, old or new.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as incompatible (409), invalid (422) or not allowed.
    pub async fn register(
        &self,
        subject: &str,
        schema: &SchemaRequest,
        normalize: Normalize,
    ) -> Result<i32, RegistryError> {
        let path = ["subjects", subject, "versions"];
        let question = Question::with(Method::POST, &path, normalize.query(), schema);
        let key = (subject.to_owned(), fingerprint(&question, normalize));
        if let Some(id) = locked(&self.0.ids).get(&key) {
            return Ok(id);
        }
        let answer: RegisterResponse = self.ask(question).await?;
        locked(&self.0.ids).insert(key, answer.id);
        Ok(answer.id)
    }

    /// Finds a schema under a subject.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn look_up(
        &self,
        subject: &str,
        schema: &SchemaRequest,
        normalize: Normalize,
    ) -> Result<SubjectVersion, RegistryError> {
        let path = ["subjects", subject];
        self.ask(Question::with(Method::POST, &path, normalize.query(), schema)).await
    }

    /// Fetches a schema by its id.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn schema_by_id(&self, id: i32) -> Result<Arc<SchemaById>, RegistryError> {
        self.schema(SchemaName::Id(id)).await
    }

    /// Fetches a schema by its id or its guid.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn schema(&self, name: SchemaName) -> Result<Arc<SchemaById>, RegistryError> {
        if let Some(schema) = locked(&self.0.by_name).get(&name) {
            return Ok(schema);
        }
        let text = name.to_string();
        let kind = match name {
            SchemaName::Id(_) => "ids",
            SchemaName::Guid(_) => "guids",
        };
        let answer = self.ask(Question::get(&["schemas", kind, &text], &[])).await?;
        let schema = Arc::new(answer);
        locked(&self.0.by_name).insert(name, Arc::clone(&schema));
        Ok(schema)
    }

    /// Fetches the latest version of a subject, or gives the one that is remembered.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn latest(&self, subject: &str) -> Result<SubjectVersion, RegistryError> {
        let subject = subject.to_owned();
        if let Some(latest) = locked(&self.0.latest).get(&subject, Instant::now()) {
            return Ok(latest);
        }
        let path = ["subjects", &subject, "versions", "latest"];
        let latest: SubjectVersion = self.ask(Question::get(&path, &[])).await?;
        locked(&self.0.latest).insert(subject, latest.clone(), Instant::now());
        Ok(latest)
    }

    /// Fetches one version of a subject, also a soft-deleted one: others may refer to it.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn version(
        &self,
        subject: &str,
        version: i32,
    ) -> Result<SubjectVersion, RegistryError> {
        let version = version.to_string();
        let path = ["subjects", subject, "versions", &version];
        self.ask(Question::get(&path, &[("deleted", "true")])).await
    }

    /// Lists the subjects that are not deleted.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Refused`.
    pub async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.ask(Question::get(&["subjects"], &[])).await
    }

    /// Lists the versions of a subject that are not deleted.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found.
    pub async fn versions(&self, subject: &str) -> Result<Vec<i32>, RegistryError> {
        self.ask(Question::get(&["subjects", subject, "versions"], &[])).await
    }

    /// Asks whether a schema might join a subject, by the subject's level; says why not.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as not found or invalid.
    pub async fn check_compatibility(
        &self,
        subject: &str,
        schema: &SchemaRequest,
    ) -> Result<CompatibilityResponse, RegistryError> {
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        self.ask(Question::with(Method::POST, &path, &[("verbose", "true")], schema)).await
    }

    /// Reads the compatibility settings of a subject, or the global ones where it has none.
    ///
    /// # Errors
    ///
    /// `Unavailable` or `Refused`.
    pub async fn config(&self, subject: &str) -> Result<ConfigResponse, RegistryError> {
        self.ask(Question::get(&["config", subject], &[("defaultToGlobal", "true")])).await
    }

    /// Changes the compatibility settings of a subject, or the global ones when none is given.
    ///
    /// # Errors
    ///
    /// `Unavailable`, or `Refused` as invalid.
    pub async fn update_config(
        &self,
        subject: Option<&str>,
        update: &ConfigUpdate,
    ) -> Result<ConfigUpdate, RegistryError> {
        match subject {
            Some(subject) => {
                let path = ["config", subject];
                self.ask(Question::with(Method::PUT, &path, &[], update)).await
            }
            None => self.ask(Question::with(Method::PUT, &["config"], &[], update)).await,
        }
    }

    /// Sends a request, unless the registry refused it a short while ago.
    async fn ask<A: DeserializeOwned>(&self, question: Question<'_>) -> Result<A, RegistryError> {
        let digest = question.digest();
        if let Some((code, message)) = locked(&self.0.refusals).get(&digest, Instant::now()) {
            return Err(RegistryError::Refused { code, message });
        }
        let outcome = self.send(question).await;
        if let Err(error @ RegistryError::Refused { code, message }) = &outcome
            && !error.is_retriable()
            && message.len() <= MAX_REFUSAL_MESSAGE
        {
            let refusal = (*code, message.clone());
            locked(&self.0.refusals).insert(digest, refusal, Instant::now());
        }
        outcome
    }

    /// Sends a request to one address after another, round after round, until one answers.
    async fn send<A: DeserializeOwned>(&self, question: Question<'_>) -> Result<A, RegistryError> {
        let inner = &*self.0;
        let count = inner.addresses.len();
        let first = inner.current.load(Ordering::Relaxed);
        let mut pause = inner.backoff;
        let mut failure = None;
        for round in 0..inner.rounds {
            if round > 0 {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            for turn in 0..count {
                let place = (first + turn) % count;
                match answer(inner.request(&inner.addresses[place], &question)).await {
                    Err(error) if error.is_retriable() => {
                        tracing::debug!(url = %inner.addresses[place].url, %error, "no answer");
                        failure = Some(error);
                    }
                    outcome => {
                        inner.current.store(place, Ordering::Relaxed);
                        return outcome;
                    }
                }
            }
        }
        Err(failure.expect("at least one round over at least one address"))
    }
}

impl Inner {
    fn request(&self, address: &Address, question: &Question<'_>) -> RequestBuilder {
        let mut url = address.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(question.path);
        }
        if !question.query.is_empty() {
            url.query_pairs_mut().extend_pairs(question.query);
        }
        let mut request = self.http.request(question.method.clone(), url).header(ACCEPT, ACCEPTED);
        match &address.credentials {
            Some(Credentials::Basic { name, password }) => {
                request = request.basic_auth(name, Some(password.reveal()));
            }
            Some(Credentials::Bearer(header)) => {
                request = request.header(AUTHORIZATION, header.clone());
            }
            None => {}
        }
        match &question.body {
            Some(body) => request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.clone()),
            None => request,
        }
    }
}

impl Address {
    fn parse(text: &str, others: Option<&Credentials>) -> Result<Self, ClientError> {
        let shown = || text.rsplit_once('@').map_or(text, |(_, address)| address).to_owned();
        let invalid = || ClientError::InvalidAddress { shown: shown() };
        let mut url = Url::parse(text.trim()).map_err(|_| invalid())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid());
        }
        let credentials = if url.username().is_empty() {
            others.cloned()
        } else {
            let password = config::Password::new(decoded(url.password().unwrap_or("")));
            Some(Credentials::Basic { name: decoded(url.username()), password })
        };
        // errors and logs may then hold the address
        url.set_username("").map_err(|()| invalid())?;
        url.set_password(None).map_err(|()| invalid())?;
        Ok(Self { url, credentials })
    }
}

/// Undoes the percent encoding of a part of an address.
fn decoded(text: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1).zip(bytes.get(at + 2));
        match pair.and_then(|(&high, &low)| hex(high).zip(hex(low))) {
            Some((high, low)) if bytes[at] == b'%' => {
                out.push(high * 16 + low);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Identifies what is registered: the request as it is sent.
fn fingerprint(question: &Question<'_>, normalize: Normalize) -> String {
    let body = question.body.as_deref().unwrap_or_default();
    let mark = match normalize {
        Normalize::ByConfig => "",
        Normalize::Always => "n",
    };
    format!("{mark}{}", String::from_utf8_lossy(body))
}

/// Sends a request and reads what comes back, up to a limit.
async fn answer<A: DeserializeOwned>(request: RequestBuilder) -> Result<A, RegistryError> {
    let away = |error: reqwest::Error| RegistryError::Unavailable { source: Box::new(error) };
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
    if !status.is_success() {
        return Err(RegistryError::refused(status.as_u16(), &body));
    }
    serde_json::from_slice(&body)
        .map_err(|error| RegistryError::Malformed { source: Box::new(error) })
}

/// Locks a cache; one that a panic left behind is still a cache.
fn locked<T>(cache: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{TestServer, closed_port};

    fn client(urls: &[&str]) -> RegistryClient {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        let mut settings = RegistryClientSettings::new(urls);
        settings.backoff = Duration::from_millis(1);
        RegistryClient::new(&settings).unwrap()
    }

    #[tokio::test]
    async fn requests_are_those_of_the_protocol() {
        let server = TestServer::start(vec![
            (200, r#"{"id":7,"version":1,"extra":{}}"#),
            (200, r#"{"subject":"s","version":2,"id":7,"schema":"\"int\""}"#),
            (404, r#"{"error_code":40403,"message":"Schema 9 not found"}"#),
            (200, r#"{"is_compatible":false,"messages":["m"]}"#),
            (200, "[]"),
        ]);
        let url = server.url().replace("http://", "http://me:sec%3Aret@");
        let registry = client(&[&url]);
        let schema = SchemaRequest::avro("\"int\"");
        let id = registry.register("a/b c", &schema, Normalize::Always).await.unwrap();
        assert_eq!(id, 7);
        let found = registry.look_up("s", &schema, Normalize::ByConfig).await.unwrap();
        assert_eq!((found.version, found.id), (2, 7));
        let error = registry.schema_by_id(9).await.unwrap_err();
        assert_eq!(error.to_string(), "Schema 9 not found (error code 40403)");
        let verdict = registry.check_compatibility("s", &schema).await.unwrap();
        assert_eq!(verdict.messages, Some(vec!["m".to_owned()]));
        let error = registry.latest("s").await.unwrap_err();
        assert!(matches!(error, RegistryError::Malformed { .. }), "{error}");
        assert!(!format!("{registry:?}").contains("ret"));

        let requests = server.requests();
        let lines: Vec<&str> = requests.iter().map(|text| text.lines().next().unwrap()).collect();
        let expected = [
            "POST /subjects/a%2Fb%20c/versions?normalize=true HTTP/1.1",
            "POST /subjects/s HTTP/1.1",
            "GET /schemas/ids/9 HTTP/1.1",
            "POST /compatibility/subjects/s/versions/latest?verbose=true HTTP/1.1",
            "GET /subjects/s/versions/latest HTTP/1.1",
        ];
        assert_eq!(lines, expected);
        assert!(requests[0].ends_with(r#"{"schema":"\"int\""}"#), "{}", requests[0]);
        // base64 of me:sec:ret
        assert!(requests[0].contains("authorization: Basic bWU6c2VjOnJldA=="), "{}", requests[0]);
    }

    #[tokio::test]
    async fn what_was_asked_once_is_not_asked_again() {
        let server =
            TestServer::start(vec![(200, r#"{"id":7}"#), (200, r#"{"schema":"\"int\""}"#)]);
        let registry = client(&[&server.url()]);
        let schema = SchemaRequest::avro("\"int\"");
        for _ in 0..3 {
            let id = registry.register("s", &schema, Normalize::ByConfig).await.unwrap();
            assert_eq!(id, 7);
            assert_eq!(registry.schema_by_id(7).await.unwrap().schema, "\"int\"");
        }
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn the_latest_version_is_asked_for_again_when_its_time_is_up() {
        let answer = r#"{"subject":"s","version":2,"id":7,"schema":"1"}"#;
        for (ttl, questions) in [(None, 1), (Some(Duration::ZERO), 3)] {
            let server = TestServer::start(vec![(200, answer); questions]);
            let mut settings = RegistryClientSettings::new(vec![server.url()]);
            settings.latest_cache_size = 1;
            settings.latest_cache_ttl = ttl;
            let registry = RegistryClient::new(&settings).unwrap();
            for _ in 0..3 {
                assert_eq!(registry.latest("s").await.unwrap().version, 2);
            }
            assert_eq!(server.requests().len(), questions);
        }
    }

    #[tokio::test]
    async fn a_refusal_answers_the_same_request_for_a_while() {
        let refusal = r#"{"error_code":409,"message":"incompatible"}"#;
        let server = TestServer::start(vec![(409, refusal), (200, r#"{"id":7}"#)]);
        let mut settings = RegistryClientSettings::new(vec![server.url()]);
        settings.refusal_ttl = Duration::from_secs(600);
        let registry = RegistryClient::new(&settings).unwrap();
        let schema = SchemaRequest::avro("\"int\"");
        for _ in 0..3 {
            let error = registry.register("s", &schema, Normalize::ByConfig).await.unwrap_err();
            assert_eq!(error.to_string(), "incompatible (error code 409)");
        }
        assert_eq!(registry.register("s2", &schema, Normalize::ByConfig).await.unwrap(), 7);
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn schemas_are_fetched_by_guid_too() {
        let server = TestServer::start(vec![(200, r#"{"schema":"\"int\""}"#)]);
        let registry = client(&[&server.url()]);
        let name = SchemaName::Guid(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        for _ in 0..2 {
            assert_eq!(registry.schema(name).await.unwrap().schema, "\"int\"");
        }
        let line = "GET /schemas/guids/00010203-0405-0607-0809-0a0b0c0d0e0f HTTP/1.1";
        assert_eq!(server.requests()[0].lines().next().unwrap(), line);
    }

    #[tokio::test]
    async fn a_bearer_token_stands_in_the_authorization_header() {
        let server = TestServer::start(vec![(200, "[]")]);
        let mut settings = RegistryClientSettings::new(vec![server.url()]);
        settings.bearer_token = Some(config::Password::new("t0ken"));
        RegistryClient::new(&settings).unwrap().subjects().await.unwrap();
        let request = server.requests().remove(0);
        assert!(request.contains("authorization: Bearer t0ken\r\n"), "{request}");
        settings.bearer_token = Some(config::Password::new("t0\nken"));
        let error = RegistryClient::new(&settings).unwrap_err();
        assert!(matches!(error, ClientError::InvalidToken), "{error}");
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_is_away_or_unable() {
        let away = format!("http://u:hunter2@127.0.0.1:{}", closed_port());
        let unable = TestServer::start(vec![(503, "<html>")]);
        let able = TestServer::start(vec![(200, "[]"), (200, r#"["s"]"#)]);
        let registry = client(&[&away, &unable.url(), &able.url()]);
        assert!(registry.subjects().await.unwrap().is_empty());
        // the address that answered is asked first
        assert_eq!(registry.subjects().await.unwrap(), ["s"]);
        let error = client(&[&away]).subjects().await.unwrap_err();
        assert!(error.is_retriable());
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[tokio::test]
    async fn a_registry_that_recovers_is_asked_again() {
        let server = TestServer::start(vec![
            (500, r#"{"error_code":50002,"message":"timeout"}"#),
            (200, "[1]"),
        ]);
        assert_eq!(client(&[&server.url()]).versions("s").await.unwrap(), [1]);
    }

    #[test]
    fn addresses_and_user_info_are_checked() {
        for url in ["", "localhost:8081", "ftp://x", "http://", "http://u:hunter2@"] {
            let settings = RegistryClientSettings::new(vec![url.to_owned()]);
            let error = RegistryClient::new(&settings).unwrap_err();
            assert!(matches!(error, ClientError::InvalidAddress { .. }), "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let none = RegistryClient::new(&RegistryClientSettings::new(Vec::new()));
        assert!(matches!(none, Err(ClientError::NoAddress)));
        let mut settings = RegistryClientSettings::new(vec!["http://x".to_owned()]);
        settings.user_info = Some(config::Password::new("nocolon"));
        let error = RegistryClient::new(&settings).unwrap_err();
        assert!(!error.to_string().contains("nocolon"), "{error}");
    }
}
