//! `DescribeConfigs` (key 32): every setting of a topic or of the broker, and where it comes from.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use ::config::{ConfigType, HIDDEN, Key, is_secret_name};
use protocol::ErrorCode;
use protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

use crate::config;
use crate::context::{Call, Context};
use crate::metadata::check_topic_name;
use crate::topic_config::{self, Origin, Source};

/// The versions that are served.
pub(crate) const VERSIONS: RangeInclusive<i16> = 1..=4;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Which parts of a description are wanted.
#[derive(Clone, Copy)]
struct Wanted {
    synonyms: bool,
    documentation: bool,
}

/// The number that a source has on the wire.
pub(crate) const fn wire_source(source: Source) -> i8 {
    match source {
        Source::Topic => 1,
        Source::Broker => 4,
        Source::Default => 5,
    }
}

const fn wire_type(config_type: ConfigType) -> i8 {
    match config_type {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Short => 4,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
        ConfigType::Class => 8,
        ConfigType::Password => 9,
    }
}

/// Describes each resource, or says why not.
#[expect(clippy::unused_async, reason = "every handler is asynchronous")]
pub(crate) async fn handle(
    ctx: &Context,
    _call: &Call,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let wanted =
        Wanted { synonyms: request.include_synonyms, documentation: request.include_documentation };
    let results = request.resources.into_iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => topic(ctx, wanted, &resource),
            BROKER => broker(ctx, wanted, &resource),
            other => {
                Err((ErrorCode::InvalidRequest, format!("Unsupported resource type: {other}")))
            }
        };
        let (code, message, configs) = match described {
            Ok(configs) => (ErrorCode::None, String::new(), configs),
            Err((code, message)) => (code, message, Vec::new()),
        };
        DescribeConfigsResult {
            error_code: code.code(),
            error_message: Some(message),
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs,
        }
    });
    DescribeConfigsResponse { throttle_time_ms: 0, results: results.collect() }
}

type Described = Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)>;

fn is_asked(resource: &DescribeConfigsResource, key: &Key) -> bool {
    resource.configuration_keys.as_ref().is_none_or(|names| names.contains(&key.name))
}

fn topic(ctx: &Context, wanted: Wanted, resource: &DescribeConfigsResource) -> Described {
    let name = &resource.resource_name;
    check_topic_name(name)
        .map_err(|error| (ErrorCode::InvalidTopicException, error.to_string()))?;
    let topic = ctx.metadata.topic(name).ok_or_else(|| {
        let code = ErrorCode::UnknownTopicOrPartition;
        (code, code.message().to_owned())
    })?;
    let keys = topic_config::definitions().keys().filter(|key| is_asked(resource, key));
    let configs = keys
        .map(|key| {
            let origins = topic_config::origins(key, &topic.configs, &ctx.config);
            describe(key, &origins, false, wanted)
        })
        .collect();
    Ok(configs)
}

fn broker(ctx: &Context, wanted: Wanted, resource: &DescribeConfigsResource) -> Described {
    let name = resource.resource_name.as_str();
    if !name.is_empty() && name != ctx.config.node_id.to_string() {
        let message = format!(
            "Unexpected broker id, expected {} or empty string, but received {name}",
            ctx.config.node_id
        );
        return Err((ErrorCode::InvalidRequest, message));
    }
    // Without a name, what was set for all brokers at run time is asked for: nothing is.
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let keys = config::definitions().keys().filter(|key| is_asked(resource, key));
    let configs = keys
        .map(|key| describe(key, &broker_origins(key, &ctx.config.explicit), true, wanted))
        .collect();
    Ok(configs)
}

fn broker_origins(key: &Key, explicit: &BTreeMap<String, String>) -> Vec<Origin> {
    let set = explicit.get(&key.name).map(|value| Origin {
        key: key.name.clone(),
        value: Some(value.clone()),
        source: Source::Broker,
    });
    let default =
        Origin { key: key.name.clone(), value: key.default_text(), source: Source::Default };
    set.into_iter().chain([default]).collect()
}

fn describe(
    key: &Key,
    origins: &[Origin],
    read_only: bool,
    wanted: Wanted,
) -> DescribeConfigsResourceResult {
    let sensitive = key.config_type == ConfigType::Password || is_secret_name(&key.name);
    let shown = |value: &Option<String>| match value {
        Some(_) if sensitive => Some(HIDDEN.to_owned()),
        value => value.clone(),
    };
    let synonym = |origin: &Origin| DescribeConfigsSynonym {
        name: origin.key.clone(),
        value: shown(&origin.value),
        source: wire_source(origin.source),
    };
    let first = origins.first();
    DescribeConfigsResourceResult {
        name: key.name.clone(),
        value: first.and_then(|origin| shown(&origin.value)),
        read_only,
        config_source: wire_source(first.map_or(Source::Default, |origin| origin.source)),
        is_sensitive: sensitive,
        synonyms: if wanted.synonyms {
            origins.iter().filter(|origin| origin.value.is_some()).map(synonym).collect()
        } else {
            Vec::new()
        },
        config_type: wire_type(key.config_type),
        documentation: wanted.documentation.then(|| key.documentation.clone()),
    }
}
