//! `/connectors` and what is below it, offsets excepted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Router, extract::rejection::QueryRejection};
use connect_api::connector::Settings;
use serde_json::{Map, Value, json};

use super::RestState;
use super::body::{ConfigBody, CreateConnector, JsonBody, PatchBody};
use super::error::{RestError, RestResult};
use crate::connector_config::NAME;
use crate::herder::view::ConnectorInfo;
use crate::herder::{PutMode, RestartScope, Target};
use crate::plugin::PluginKind;
use crate::status::{ConnectorStatus, Status};

/// Parameters of a query, in order; malformed ones count as none.
type Params = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Routes of this resource.
pub(super) fn router() -> Router<RestState> {
    Router::new()
        .route("/connectors", get(list).post(create))
        .route("/connectors/", get(list).post(create))
        .route("/connectors/{name}", get(info).delete(delete))
        .route("/connectors/{name}/config", get(config).put(put_config).patch(patch_config))
        .route("/connectors/{name}/status", get(status))
        .route("/connectors/{name}/restart", post(restart))
        .route("/connectors/{name}/pause", put(pause))
        .route("/connectors/{name}/resume", put(resume))
        .route("/connectors/{name}/stop", put(stop))
        .route("/connectors/{name}/tasks", get(tasks))
        .route("/connectors/{name}/tasks-config", get(tasks_config))
        .route("/connectors/{name}/tasks/{task}/status", get(task_status))
        .route("/connectors/{name}/tasks/{task}/restart", post(restart_task))
        .route("/connectors/{name}/topics", get(topics))
        .route("/connectors/{name}/topics/reset", put(reset_topics))
}

fn values<'a>(params: &'a Params, name: &str) -> Vec<&'a str> {
    let Ok(Query(params)) = params else { return Vec::new() };
    params.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

fn flag(params: &Params, name: &str) -> bool {
    values(params, name).first().is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

async fn list(State(state): State<RestState>, params: Params) -> Json<Value> {
    let view = state.herder.view();
    let expand = values(&params, "expand");
    let (with_status, with_info) = (expand.contains(&"status"), expand.contains(&"info"));
    if !with_status && !with_info {
        return Json(view.keys().map(|name| Value::from(&**name)).collect());
    }
    let mut out = Map::new();
    for (name, connector) in view.iter() {
        let mut entry = Map::new();
        if with_status && let Some(status) = state.herder.status(name) {
            entry.insert("status".into(), status_json(name, &status, Some(connector.kind)));
        }
        if with_info {
            entry.insert("info".into(), json!(connector.info(name)));
        }
        out.insert(name.to_string(), Value::Object(entry));
    }
    Json(Value::Object(out))
}

async fn create(
    State(state): State<RestState>,
    JsonBody(body): JsonBody<CreateConnector>,
) -> RestResult<Response> {
    let body = body.ok_or_else(|| RestError::bad_request("the request has no body"))?;
    let ConfigBody(mut config) =
        body.config.ok_or_else(|| RestError::bad_request("the body has no member config"))?;
    let target = body.initial_state.as_deref().map(initial_target).transpose()?;
    let given = body.name.or_else(|| config.get(NAME).cloned()).unwrap_or_default();
    let name = given.trim().to_owned();
    if let Some(other) = config.get(NAME)
        && other.trim() != name
    {
        return Err(mismatch(other, &name));
    }
    config.insert(NAME.to_owned(), name.clone());
    let (_, info) = state.herder.put(&name, config, target, PutMode::Create).await?;
    Ok(created(&info))
}

fn initial_target(text: &str) -> RestResult<Target> {
    match text.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(Target::Started),
        "PAUSED" => Ok(Target::Paused),
        "STOPPED" => Ok(Target::Stopped),
        _ => Err(RestError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("initial_state is {text}; expected RUNNING, PAUSED or STOPPED"),
        )),
    }
}

fn mismatch(config: &str, url: &str) -> RestError {
    RestError::bad_request(format!(
        "Connector name configuration ({config}) doesn't match connector name in the URL ({url})"
    ))
}

fn created(info: &ConnectorInfo) -> Response {
    let mut response = (StatusCode::CREATED, Json(json!(info))).into_response();
    let location = format!("/connectors/{}", encode(&info.name));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Percent-encodes a name for a path.
fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                out.push(digit.to_ascii_uppercase());
            }
        }
    }
    out
}

async fn info(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<Json<Value>> {
    Ok(Json(json!(state.herder.connector(&name)?.info(&name))))
}

async fn config(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Settings>> {
    Ok(Json((*state.herder.connector(&name)?.config).clone()))
}

async fn put_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<ConfigBody>,
) -> RestResult<Response> {
    let ConfigBody(config) =
        body.ok_or_else(|| RestError::bad_request("the request has no body"))?;
    if let Some(other) = config.get(NAME)
        && *other != name
    {
        return Err(mismatch(other, &name));
    }
    let (is_new, info) = state.herder.put(&name, config, None, PutMode::Replace).await?;
    Ok(if is_new { created(&info) } else { Json(json!(info)).into_response() })
}

async fn patch_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
    JsonBody(body): JsonBody<PatchBody>,
) -> RestResult<Json<Value>> {
    let PatchBody(changes) =
        body.ok_or_else(|| RestError::bad_request("the request has no body"))?;
    if let Some(other) = changes.get(NAME)
        && other.as_deref() != Some(name.as_str())
    {
        return Err(mismatch(other.as_deref().unwrap_or("null"), &name));
    }
    Ok(Json(json!(state.herder.patch(&name, changes).await?)))
}

async fn delete(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<StatusCode> {
    state.herder.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn status(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Value>> {
    let found = state.herder.status(&name);
    let status = found
        .ok_or_else(|| RestError::not_found(format!("No status found for connector {name}")))?;
    let kind = state.herder.connector(&name).ok().map(|connector| connector.kind);
    Ok(Json(status_json(&name, &status, kind)))
}

fn status_json(name: &str, status: &ConnectorStatus, kind: Option<PluginKind>) -> Value {
    let tasks: Vec<Value> =
        status.tasks.iter().map(|(task, status)| state_json(Some(*task), status)).collect();
    json!({
        "name": name,
        "connector": state_json(None, &status.connector),
        "tasks": tasks,
        "type": kind.map_or("unknown", PluginKind::name),
    })
}

fn state_json(task: Option<usize>, status: &Status) -> Value {
    let mut out = Map::new();
    if let Some(task) = task {
        out.insert("id".into(), json!(task));
    }
    out.insert("state".into(), json!(status.state.name()));
    out.insert("worker_id".into(), json!(&*status.worker_id));
    if let Some(trace) = &status.trace {
        out.insert("trace".into(), json!(trace));
    }
    Value::Object(out)
}

async fn restart(
    State(state): State<RestState>,
    Path(name): Path<String>,
    params: Params,
) -> RestResult<Response> {
    let scope = RestartScope {
        include_tasks: flag(&params, "includeTasks"),
        only_failed: flag(&params, "onlyFailed"),
    };
    let missing = || RestError::not_found(format!("Unknown connector: {name}"));
    let connector = state.herder.connector(&name).map_err(|_| missing())?;
    let status = state.herder.restart(&name, scope).await?;
    if scope == RestartScope::default() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let body = status_json(&name, &status, Some(connector.kind));
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

async fn pause(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<StatusCode> {
    state.herder.set_target(&name, Target::Paused).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn resume(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<StatusCode> {
    state.herder.set_target(&name, Target::Started).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn stop(State(state): State<RestState>, Path(name): Path<String>) -> RestResult<StatusCode> {
    state.herder.set_target(&name, Target::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tasks(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Value>> {
    Ok(Json(json!(state.herder.connector(&name)?.task_infos(&name))))
}

async fn tasks_config(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Value>> {
    let connector = state.herder.connector(&name)?;
    let entry = |(task, config)| (format!("{name}-{task}"), json!(config));
    Ok(Json(Value::Object(connector.tasks.iter().enumerate().map(entry).collect())))
}

/// Reads the number of a task; anything else names no resource.
fn task_number(text: &str) -> RestResult<usize> {
    text.parse().map_err(|_| RestError::http(StatusCode::NOT_FOUND))
}

async fn task_status(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<Json<Value>> {
    let task = task_number(&task)?;
    let found = state.herder.shared().status.task(&name, task);
    let missing = || RestError::not_found(format!("No status found for task {name}-{task}"));
    Ok(Json(state_json(Some(task), &found.ok_or_else(missing)?)))
}

async fn restart_task(
    State(state): State<RestState>,
    Path((name, task)): Path<(String, String)>,
) -> RestResult<StatusCode> {
    let task = task_number(&task)?;
    state.herder.restart_task(&name, task).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn topics(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Value>> {
    let shared = state.herder.shared();
    if !shared.config.topic_tracking.enabled {
        return Err(RestError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled."));
    }
    let topics: Vec<Arc<str>> = shared.topics.of(&name);
    let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
    Ok(Json(json!({ name: { "topics": topics } })))
}

async fn reset_topics(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<StatusCode> {
    let shared = state.herder.shared();
    let tracking = shared.config.topic_tracking;
    if !tracking.enabled {
        return Err(RestError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled."));
    }
    if !tracking.reset_allowed {
        return Err(RestError::new(StatusCode::FORBIDDEN, "Topic tracking reset is disabled."));
    }
    shared.topics.reset(&name);
    Ok(StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_encoded_for_its_path() {
        assert_eq!(encode("a/b c"), "a%2Fb%20c");
        assert_eq!(encode("local-file.source_1~x"), "local-file.source_1~x");
        assert_eq!(encode("ü"), "%C3%BC");
    }
}
