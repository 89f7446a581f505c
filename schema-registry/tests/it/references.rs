//! Schemas that use others.

use serde_json::{Value, json};

use crate::harness::Cluster;

const BASE: &str = r#"{"type":"record","name":"Base","namespace":"a","fields":[]}"#;
const USER: &str =
    r#"{"type":"record","name":"User","namespace":"a","fields":[{"name":"base","type":"Base"}]}"#;

fn user(version: i32) -> Value {
    json!({
        "schema": USER,
        "references": [{"name": "a.Base", "subject": "base", "version": version}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_is_resolved_kept_and_protected() {
    let cluster = Cluster::start().await;
    assert_eq!(
        cluster.post("/subjects/user/versions", &json!({"schema": USER})).await.code(),
        42201
    );
    assert_eq!(cluster.post("/subjects/user/versions", &user(1)).await.code(), 42201);
    cluster.register("base", BASE).await;
    assert_eq!(cluster.post("/subjects/user/versions", &user(-1)).await.ok(), json!({"id": 2}));
    assert_eq!(cluster.post("/subjects/user/versions", &user(1)).await.ok(), json!({"id": 2}));
    let found = cluster.get("/subjects/user/versions/1").await.ok();
    assert_eq!(found["schema"], USER);
    assert_eq!(found["references"], user(1)["references"]);
    assert_eq!(cluster.get("/schemas/ids/2").await.ok()["references"], user(1)["references"]);
    let resolved = r#"{"type":"record","name":"User","namespace":"a","fields":[{"name":"base","type":{"type":"record","name":"Base","fields":[]}}]}"#;
    assert_eq!(cluster.get("/schemas/ids/2?format=resolved").await.ok()["schema"], resolved);
    assert_eq!(
        cluster.get("/subjects/user/versions/1/schema?format=resolved").await.text,
        resolved
    );
    assert_eq!(cluster.get("/subjects/base/versions/1/referencedby").await.ok(), json!([2]));
    for path in ["/subjects/base", "/subjects/base/versions/1"] {
        let refused = cluster.delete(path).await;
        assert_eq!(refused.code(), 42206);
        let expected = "One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=base,version=1}.";
        assert_eq!(refused.message(), expected);
    }
    let cluster = cluster.restart().await;
    assert_eq!(cluster.delete("/subjects/base").await.code(), 42206);
    let looked_up = cluster.post("/subjects/user", &json!({"schema": resolved})).await.ok();
    assert_eq!(looked_up["id"], 2, "a look-up finds what means the same");
    cluster.delete("/subjects/user").await.ok();
    assert_eq!(cluster.get("/subjects/base/versions/1/referencedby").await.ok(), json!([]));
    assert_eq!(cluster.delete("/subjects/base").await.ok(), json!([1]));
    assert_eq!(cluster.delete("/subjects/base?permanent=true").await.code(), 42206);
    let resolved_still = cluster.get("/schemas/ids/2?format=resolved").await.ok();
    assert_eq!(resolved_still["schema"], resolved, "what is soft-deleted can be read");
    cluster.delete("/subjects/user?permanent=true").await.ok();
    assert_eq!(cluster.delete("/subjects/base?permanent=true").await.ok(), json!([1]));
    assert_eq!(cluster.post("/subjects/other/versions", &user(1)).await.code(), 42201);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn change_in_a_referenced_schema_counts() {
    let cluster = Cluster::start().await;
    cluster.register("base", BASE).await;
    let wider =
        r#"{"type":"record","name":"Base","namespace":"a","fields":[{"name":"x","type":"int"}]}"#;
    cluster.put("/config/base", &json!({"compatibility": "NONE"})).await.ok();
    cluster.register("base", wider).await;
    assert_eq!(cluster.post("/subjects/user/versions", &user(1)).await.ok(), json!({"id": 3}));
    assert_eq!(cluster.post("/subjects/user/versions", &user(2)).await.code(), 409);
    cluster.stop().await;
}
