//! Every error code, with Confluent's words.

use serde_json::{Value, json};

use crate::harness::{Cluster, record};

const INVALID_VERSION: &str =
    "is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\"";

#[track_caller]
fn assert_error(answer: &crate::harness::Answer, code: i64, message: &str) {
    assert_eq!(answer.code(), code, "{answer:?}");
    let found = answer.message();
    // A message of ours may say more than a part that is fixed by others.
    let fits = match message.strip_suffix('…') {
        Some(start) => found.starts_with(start),
        None => found == message,
    };
    assert!(fits, "{found:?} is not {message:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_reading_are_confluent_s() {
    let cluster = Cluster::start().await;
    cluster.register("s", "\"int\"").await;
    let zero = format!("The specified version '0' {INVALID_VERSION}");
    let word = format!("The specified version 'x' {INVALID_VERSION}");
    for (path, code, message) in [
        ("/subjects/x/versions", 40401, "Subject 'x' not found."),
        ("/subjects/x/versions/1", 40401, "Subject 'x' not found."),
        ("/subjects/x/versions/latest", 40401, "Subject 'x' not found."),
        ("/subjects/s/versions/3", 40402, "Version 3 not found."),
        ("/subjects/s/versions/3/schema", 40402, "Version 3 not found."),
        ("/subjects/s/versions/3/referencedby", 40402, "Version 3 not found."),
        ("/subjects/s/versions/0", 42202, zero.as_str()),
        ("/subjects/s/versions/x", 42202, word.as_str()),
        ("/schemas/ids/7", 40403, "Schema 7 not found"),
        ("/schemas/ids/7/schema", 40403, "Schema 7 not found"),
        ("/schemas/ids/7/subjects", 40403, "Schema not found"),
        ("/schemas/ids/7/versions", 40403, "Schema not found"),
        ("/schemas/guids/nonsense", 40403, "Schema nonsense not found"),
        ("/schemas/ids/abc", 404, "HTTP 404 Not Found"),
        ("/schemas/ids/99999999999", 404, "HTTP 404 Not Found"),
        ("/nowhere", 404, "HTTP 404 Not Found"),
        ("/subjects?offset=x", 404, "HTTP 404 Not Found"),
        ("/schemas/ids/1?format=xml", 422, "Invalid format xml…"),
        ("/config/s", 40408, "Subject 's' does not have subject-level compatibility configured"),
        ("/mode/s", 40409, "Subject 's' does not have subject-level mode configured"),
        ("/subjects/:.ctx:s/versions", 42208, "Subject ':.ctx:s' is in a context…"),
    ] {
        assert_error(&cluster.get(path).await, code, message);
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_deletion_are_confluent_s() {
    let cluster = Cluster::start().await;
    cluster.register("s", "\"int\"").await;
    let soft = "was soft deleted.Set permanent=true to delete permanently";
    let first = "was not deleted first before being permanently deleted";
    let steps: [(&str, i64, String); 11] = [
        ("/subjects/x", 40401, "Subject 'x' not found.".into()),
        ("/subjects/x/versions/1", 40401, "Subject 'x' not found.".into()),
        ("/subjects/s/versions/2", 40402, "Version 2 not found.".into()),
        ("/subjects/s/versions/0", 42202, format!("The specified version '0' {INVALID_VERSION}")),
        ("/subjects/s?permanent=true", 40405, format!("Subject 's' {first}")),
        ("/subjects/s/versions/1?permanent=true", 40407, format!("Subject 's' Version 1 {first}")),
        ("/subjects/s/versions/1", 200, String::new()),
        ("/subjects/s/versions/1", 40406, format!("Subject 's' Version 1 {soft}")),
        ("/subjects/s", 40404, format!("Subject 's' {soft}")),
        ("/config/s", 40401, "Subject 's' not found.".into()),
        ("/mode/s", 40401, "Subject 's' not found.".into()),
    ];
    for (path, code, message) in steps {
        let answer = cluster.delete(path).await;
        if code == 200 {
            answer.ok();
        } else {
            assert_error(&answer, code, &message);
        }
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_registration_are_confluent_s() {
    let cluster = Cluster::start().await;
    cluster.register("s", &record("R", &["a"])).await;
    let schema = |text: &str| json!({"schema": text});
    let int = |more: Value| {
        let mut body = json!({"schema": "\"int\""});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let incompatible = "Schema being registered is incompatible with an earlier schema for subject \"s\", details: [{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'b' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'b'}, {oldSchemaVersion: 1}, {oldSchema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}'}, {validateFields: 'false', compatibility: 'BACKWARD'}]";
    let invalid = "Invalid schema {subject=t,version=0,id=-1,schemaType=AVRO,references=[],metadata=null,ruleSet=null,schema=\"nope\"} with refs [] of type AVRO, details: Undefined name: \"nope\"…";
    for (subject, body, code, message) in [
        ("s", schema(&record("R", &["a", "b"])), 409, incompatible),
        ("t", schema("\"nope\""), 42201, invalid),
        ("t", schema("{"), 42201, "Invalid schema {subject=t…"),
        ("t", schema(""), 42201, "Empty schema"),
        ("t", json!({}), 42201, "Empty schema"),
        ("t", int(json!({"schemaType": "JSON"})), 42201, "Invalid schema type JSON…"),
        ("t", int(json!({"schemaType": "PROTOBUF"})), 42201, "Invalid schema type PROTOBUF…"),
        ("t", int(json!({"version": 2})), 42201, "Version is not one more than previous version"),
        ("t", int(json!({"id": 5})), 42205, "Subject t in context  is not in import mode"),
        ("t", int(json!({"metadata": {}})), 422, "metadata is not offered by this registry"),
        ("t", int(json!({"ruleSet": {}})), 42210, "ruleSet is not offered by this registry"),
        ("t", int(json!({"schemaTagsToAdd": []})), 422, "schemaTagsToAdd is not offered…"),
        ("t", int(json!({"shema": 1})), 422, "Unrecognized field: shema"),
        (
            "t",
            int(json!({"references": [{"name": "n", "subject": "gone", "version": 1}]})),
            42201,
            "No schema reference found for subject \"gone\" and version 1",
        ),
        ("__GLOBAL", schema("\"int\""), 42208, "The specified subject '__GLOBAL' is not a valid."),
        ("a%0Ab", schema("\"int\""), 42208, "The specified subject 'a\nb' is not a valid."),
    ] {
        let answer = cluster.post(&format!("/subjects/{subject}/versions"), &body).await;
        assert_error(&answer, code, message);
    }
    assert_eq!(cluster.get("/subjects").await.ok(), json!(["s"]), "nothing was registered");
    let missing = cluster.post("/subjects/s", &schema("\"int\"")).await;
    assert_error(&missing, 40403, "Schema not found");
    let missing = cluster.post("/subjects/x", &schema("\"int\"")).await;
    assert_error(&missing, 40401, "Subject 'x' not found.");
    // A body without a schema stands for the latest one.
    assert_eq!(cluster.post("/subjects/s/versions", &json!({})).await.ok(), json!({"id": 1}));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_larger_than_kafka_takes_is_refused() {
    let cluster = Cluster::start().await;
    let text = json!({"type": "int", "doc2": "x".repeat(1_100_000)}).to_string();
    let answer = cluster.post("/subjects/s/versions", &json!({"schema": text})).await;
    assert_error(&answer, 42209, "Register operation failed because schema is too large");
    assert_eq!(cluster.register("s", "\"int\"").await, 2, "an id once tried is not given again");
    cluster.stop().await;
}
