//! `/connector-plugins`: what is built in, its settings, and validation.

use axum::extract::{Path, Query, State};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::RestState;
use super::body::{ConfigBody, JsonBody};
use super::error::{RestError, RestResult};
use crate::connector_config::{CONNECTOR_CLASS, SINK, SOURCE};
use crate::herder::config_infos::{ConfigInfos, ConfigKeyInfo};
use crate::plugin::{Factory, Plugin, PluginKind};

/// Routes of this resource.
pub(super) fn router() -> Router<RestState> {
    Router::new()
        .route("/connector-plugins", get(list))
        .route("/connector-plugins/", get(list))
        .route("/connector-plugins/{plugin}/config", get(config))
        .route("/connector-plugins/{plugin}/config/validate", put(validate))
}

async fn list(
    State(state): State<RestState>,
    Query(params): Query<Vec<(String, String)>>,
) -> Json<Value> {
    let only = params.iter().find(|(key, _)| key == "connectorsOnly");
    let only = only.is_none_or(|(_, value)| !value.eq_ignore_ascii_case("false"));
    let plugins = state.herder.shared().plugins.iter();
    let shown = plugins.filter(|plugin| !only || plugin.kind().is_connector()).map(|plugin| {
        json!({
            "class": plugin.class,
            "type": plugin.kind().name(),
            "version": version(plugin),
        })
    });
    Json(shown.collect())
}

fn version(plugin: &Plugin) -> String {
    match plugin.factory {
        Factory::Source(make) => make().version(),
        Factory::Sink(make) => make().version(),
        _ => env!("CARGO_PKG_VERSION").to_owned(),
    }
}

async fn config(
    State(state): State<RestState>,
    Path(name): Path<String>,
) -> RestResult<Json<Vec<ConfigKeyInfo>>> {
    let plugins = &state.herder.shared().plugins;
    let plugin = plugins
        .any(&name)
        .ok_or_else(|| RestError::not_found(format!("Unknown plugin {name}.")))?;
    let keys = |definition: &config::ConfigDef| -> Vec<ConfigKeyInfo> {
        definition.keys().map(|key| ConfigKeyInfo::of(key, "")).collect()
    };
    Ok(Json(match plugin.factory {
        Factory::Source(make) => keys(&SOURCE.merged(make().config())),
        Factory::Sink(make) => keys(&SINK.merged(make().config())),
        Factory::Converter(make) => keys(make().config()),
        Factory::HeaderConverter(make) => keys(make().config()),
        Factory::Transformation(make) => keys(make().config()),
        Factory::Predicate(make) => keys(make().config()),
    }))
}

async fn validate(
    State(state): State<RestState>,
    Path(plugin): Path<String>,
    JsonBody(body): JsonBody<ConfigBody>,
) -> RestResult<Json<ConfigInfos>> {
    let ConfigBody(config) =
        body.ok_or_else(|| RestError::bad_request("the request has no body"))?;
    let class = config.get(CONNECTOR_CLASS).map_or("", |class| class.trim()).to_owned();
    if class.is_empty() {
        return Err(RestError::bad_request(
            "Connector config contains no connector type; set connector.class",
        ));
    }
    if !short(&class).ends_with(short(&plugin)) {
        return Err(RestError::bad_request(format!(
            "Included connector type {class} does not match request type {plugin}"
        )));
    }
    Ok(Json(state.herder.validate(&config).await?))
}

/// A class name without the ending of connectors.
fn short(class: &str) -> &str {
    class.strip_suffix(PluginKind::Source.suffix()).unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_in_the_settings_ends_with_the_one_in_the_path() {
        let full = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        assert!(short(full).ends_with(short("FileStreamSource")));
        assert!(short(full).ends_with(short("FileStreamSourceConnector")));
        assert!(!short("FileStreamSource").ends_with(short(full)));
    }
}
