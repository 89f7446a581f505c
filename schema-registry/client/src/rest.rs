//! Bodies of the registry's REST interface, for the server that reads and the client that writes.
//!
//! Member names and what is left out when empty are Confluent's. Requests refuse members that
//! they do not know, because dropping one would change what the caller asked for; answers ignore
//! them, because newer registries say more. Source: the entities of Confluent's REST client.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Media type of requests and answers.
pub const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// Name of the Avro format, which is meant where a schema type is left out.
pub const AVRO: &str = "AVRO";

/// A schema whose types another schema uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaReference {
    /// Name by which the schema uses it: for Avro the full name of a type.
    pub name: String,
    /// Subject in which it is registered.
    pub subject: String,
    /// Version in that subject; -1 in a request means the latest.
    pub version: i32,
}

/// A schema to register, to look up, or to check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SchemaRequest {
    /// The schema's text.
    #[serde(default, deserialize_with = "null_as_default")]
    pub schema: String,
    /// `AVRO`, `JSON` or `PROTOBUF`; `AVRO` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// Schemas whose types the text uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub references: Vec<SchemaReference>,
    /// Properties and tags of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Rules for data of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<Value>,
    /// The id that the schema must get; only for imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// The version that the schema must get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Tags to add to types and fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_tags_to_add: Option<Value>,
    /// Tags to remove from types and fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_tags_to_remove: Option<Value>,
    /// Whether tags of the earlier version are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagate_schema_tags: Option<bool>,
    /// The caller's own subject, which some clients repeat here; the path counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl SchemaRequest {
    /// A request for an Avro schema that uses no other.
    #[must_use]
    pub fn avro(schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..Self::default() }
    }
}

/// Answer to a registration: the id, and more for clients that take more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterResponse {
    /// Id of the schema, new or not.
    pub id: i32,
    /// Version in the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// Hash of the schema in the form of a UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The format; `AVRO` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// The text as the registry prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Schemas whose types the text uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub references: Vec<SchemaReference>,
}

/// A schema as a version of a subject: answer to look-ups and to questions for a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectVersion {
    /// The subject.
    pub subject: String,
    /// The version, from 1.
    pub version: i32,
    /// Id of the schema.
    pub id: i32,
    /// Hash of the schema in the form of a UUID; older registries leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The format; `AVRO` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// Schemas whose types the text uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub references: Vec<SchemaReference>,
    /// Properties and tags of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Rules for data of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<Value>,
    /// The text as the registry prints it.
    pub schema: String,
    /// Whether the version is soft-deleted; left out when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

/// A schema by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaById {
    /// The format; `AVRO` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// The text as the registry prints it.
    pub schema: String,
    /// Schemas whose types the text uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub references: Vec<SchemaReference>,
    /// Properties and tags of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Rules for data of the schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<Value>,
    /// Hash of the schema in the form of a UUID; older registries leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// Largest id in use, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_id: Option<i32>,
}

/// A version of a subject, without its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectAndVersion {
    /// The subject.
    pub subject: String,
    /// The version, from 1.
    pub version: i32,
}

/// An id in a context: answer to a question for a guid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextId {
    /// The context; `.` is the default one.
    pub context: String,
    /// The id.
    pub id: i32,
}

/// Answer to a compatibility check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompatibilityResponse {
    /// Whether the schema may join.
    pub is_compatible: bool,
    /// What stands against it; only when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
}

/// Compatibility settings, as they are read and as a deletion returns them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigResponse {
    /// The level, such as `BACKWARD`.
    pub compatibility_level: String,
    /// Whether schemas are normalised when registered and looked up, if it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
}

/// Compatibility settings, as they are written and as that is answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigUpdate {
    /// The level, such as `BACKWARD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    /// Whether schemas are normalised when registered and looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// Members beyond these.
    #[serde(flatten)]
    pub further: serde_json::Map<String, Value>,
}

/// A mode such as `READWRITE`, read and written alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeBody {
    /// The mode.
    pub mode: String,
}

/// Any answer that is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The code; its first three digits are the HTTP status.
    pub error_code: i32,
    /// What is wrong.
    pub message: String,
}

/// Takes an explicit null for a member that is left out.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_takes_nulls_and_refuses_unknown_members() {
        let text = r#"{"schema":"\"int\"","schemaType":null,"references":null,"metadata":null,"ruleSet":null}"#;
        let request: SchemaRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request, SchemaRequest::avro("\"int\""));
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"schema":"\"int\""}"#);
        let error = serde_json::from_str::<SchemaRequest>(r#"{"shema":""}"#).unwrap_err();
        assert!(error.to_string().contains("shema"), "{error}");
    }

    #[test]
    fn answers_ignore_what_newer_registries_add() {
        let text =
            r#"{"subject":"s","version":1,"id":7,"schema":"\"int\"","ts":1,"schemaTags":[]}"#;
        let found: SubjectVersion = serde_json::from_str(text).unwrap();
        assert_eq!((found.version, found.id, found.references.len()), (1, 7, 0));
        assert_eq!(
            serde_json::to_string(&found).unwrap(),
            r#"{"subject":"s","version":1,"id":7,"schema":"\"int\""}"#
        );
    }

    #[test]
    fn config_is_asked_for_by_one_name_and_answered_by_another() {
        let answer = ConfigResponse { compatibility_level: "FULL".into(), normalize: None };
        assert_eq!(serde_json::to_string(&answer).unwrap(), r#"{"compatibilityLevel":"FULL"}"#);
        let update: ConfigUpdate =
            serde_json::from_str(r#"{"compatibility":"FULL","alias":"x"}"#).unwrap();
        assert_eq!(update.compatibility.as_deref(), Some("FULL"));
        assert_eq!(update.further["alias"], "x");
    }
}
