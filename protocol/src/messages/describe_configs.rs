//! `DescribeConfigs`: every setting of topics and brokers, and where its value comes from.
//!
//! | resource type | | config source | |
//! |---|---|---|---|
//! | 2 | topic | 1 | set on the topic |
//! | 4 | broker | 2, 3 | set at run time for one broker, for all |
//! | 8 | broker's loggers | 4 | the broker's settings file |
//! | 16 | client metrics | 5 | default |
//! | 32 | group | 6, 7, 8 | set on the logger, client metrics, group |

use crate::message::messages;

messages! {
    /// Asks for settings.
    request DescribeConfigsRequest: 1..=4, flexible 4, api DescribeConfigs -> DescribeConfigsResponse {
        /// What to describe.
        resources: Vec<DescribeConfigsResource>;
        /// Whether to tell what each value overrides.
        include_synonyms: bool;
        /// Whether to tell what each setting does.
        include_documentation: bool, in 3..;
    }

    /// A resource to describe.
    struct DescribeConfigsResource {
        /// Kind of resource.
        resource_type: i8;
        /// Name of the resource.
        resource_name: String;
        /// Keys to tell; null is all.
        configuration_keys: Option<Vec<String>> = Some(Vec::new());
    }

    /// Brings settings.
    message DescribeConfigsResponse: 1..=4, flexible 4 {
        /// How long the client was throttled.
        throttle_time_ms: i32;
        /// One for each resource of the request.
        results: Vec<DescribeConfigsResult>;
    }

    /// The settings of one resource.
    struct DescribeConfigsResult {
        /// Error code, or 0.
        error_code: i16;
        /// What is wrong.
        error_message: Option<String> = Some(String::new());
        /// Kind of resource.
        resource_type: i8;
        /// Name of the resource.
        resource_name: String;
        /// Settings.
        configs: Vec<DescribeConfigsResourceResult>;
    }

    /// A setting.
    struct DescribeConfigsResourceResult {
        /// Key of the setting.
        name: String;
        /// Value; null for a secret.
        value: Option<String> = Some(String::new());
        /// Whether it cannot be changed.
        read_only: bool;
        /// Where the value comes from.
        config_source: i8 = -1;
        /// Whether the value is a secret.
        is_sensitive: bool;
        /// The value and what it overrides, strongest first.
        synonyms: Vec<DescribeConfigsSynonym>;
        /// Type: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8, in 3..;
        /// What the setting does.
        documentation: Option<String> = Some(String::new()), in 3..;
    }

    /// A place that a value is set at.
    struct DescribeConfigsSynonym {
        /// Key at that place.
        name: String;
        /// Value at that place.
        value: Option<String> = Some(String::new());
        /// Where that is.
        source: i8;
    }
}
