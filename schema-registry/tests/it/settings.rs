//! Compatibility settings and modes.

use serde_json::json;

use crate::harness::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_set_read_and_unset() {
    let cluster = Cluster::start_with(&[("schema.compatibility.level", "forward")]).await;
    assert_eq!(cluster.get("/config").await.ok(), json!({"compatibilityLevel": "FORWARD"}));
    assert_eq!(cluster.get("/config/s").await.code(), 40408);
    let fallback = cluster.get("/config/s?defaultToGlobal=true").await.ok();
    assert_eq!(fallback, json!({"compatibilityLevel": "FORWARD"}));
    for level in [
        "NONE",
        "BACKWARD",
        "BACKWARD_TRANSITIVE",
        "FORWARD",
        "FORWARD_TRANSITIVE",
        "FULL",
        "FULL_TRANSITIVE",
    ] {
        let body = json!({"compatibility": level});
        for path in ["/config", "/config/", "/config/s"] {
            assert_eq!(cluster.put(path, &body).await.ok(), body);
            let expected = json!({"compatibilityLevel": level});
            assert_eq!(cluster.get(path).await.ok(), expected, "{path}");
        }
    }
    let wrong = cluster.put("/config", &json!({"compatibility": "SIDEWAYS"})).await;
    assert_eq!(wrong.code(), 42203);
    let expected = "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive";
    assert_eq!(wrong.message(), expected);
    let alias = cluster.put("/config/s", &json!({"alias": "t"})).await;
    assert!(alias.code() == 422 && alias.message().contains("alias"), "{alias:?}");
    let was = json!({"compatibilityLevel": "FULL_TRANSITIVE"});
    assert_eq!(cluster.delete("/config/s").await.ok(), was);
    assert_eq!(cluster.get("/config/s").await.code(), 40408);
    assert_eq!(cluster.delete("/config").await.ok(), was);
    assert_eq!(cluster.get("/config").await.ok(), json!({"compatibilityLevel": "FORWARD"}));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_subjects_take_no_change() {
    let cluster = Cluster::start().await;
    cluster.register("s", "\"int\"").await;
    assert_eq!(cluster.get("/mode").await.ok(), json!({"mode": "READWRITE"}));
    assert_eq!(cluster.get("/mode/s").await.code(), 40409);
    let read_only = json!({"mode": "READONLY"});
    assert_eq!(cluster.put("/mode/s", &read_only).await.ok(), read_only);
    assert_eq!(cluster.get("/mode/s").await.ok(), read_only);
    let long = json!({"schema": "\"long\""});
    let refused = [
        cluster.post("/subjects/s/versions", &long).await,
        cluster.delete("/subjects/s").await,
        cluster.delete("/subjects/s/versions/1").await,
        cluster.put("/config/s", &json!({"compatibility": "FULL"})).await,
    ];
    for answer in refused {
        assert_eq!(answer.code(), 42205);
        assert_eq!(answer.message(), "Subject s in context  is in read-only mode");
    }
    // What is there already needs no change.
    assert_eq!(cluster.register("s", "\"int\"").await, 1);
    cluster.register("t", "\"long\"").await;
    assert_eq!(cluster.delete("/mode/s").await.ok(), read_only);
    cluster.register("s", "\"long\"").await;
    cluster.put("/mode", &read_only).await.ok();
    assert_eq!(cluster.get("/mode/s?defaultToGlobal=true").await.ok(), read_only);
    assert_eq!(cluster.post("/subjects/u/versions", &long).await.code(), 42205);
    assert_eq!(cluster.delete("/mode").await.ok(), read_only);
    assert_eq!(cluster.put("/mode", &json!({"mode": "IMPORT"})).await.code(), 42204);
    assert_eq!(cluster.put("/mode", &json!({"mode": "x"})).await.code(), 42204);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_are_fixed_when_the_settings_say_so() {
    let cluster = Cluster::start_with(&[("mode.mutability", "false")]).await;
    let answer = cluster.put("/mode", &json!({"mode": "READONLY"})).await;
    assert_eq!(answer.code(), 42205);
    assert_eq!(answer.message(), "Mode changes are not allowed");
    cluster.stop().await;
}
