//! Compatibility checks.

use serde_json::json;

use crate::harness::{Cluster, record};

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_a_registration_would() {
    let cluster = Cluster::start().await;
    cluster.register("s", &record("R", &["a"])).await;
    cluster.register("s", &record("R", &["a", "b?"])).await;
    let check = |path: &str, text: String| {
        let path = format!("/compatibility/subjects/{path}");
        let cluster = &cluster;
        async move { cluster.post(&path, &json!({"schema": text})).await }
    };
    let yes = json!({"is_compatible": true});
    let no = json!({"is_compatible": false});
    let b = || record("R", &["a", "b"]);
    assert_eq!(check("s/versions/latest", b()).await.ok(), yes);
    assert_eq!(check("s/versions/1", b()).await.ok(), no);
    assert_eq!(check("s/versions/2", b()).await.ok(), yes);
    assert_eq!(check("s/versions", b()).await.ok(), yes);
    cluster.put("/config/s", &json!({"compatibility": "BACKWARD_TRANSITIVE"})).await.ok();
    assert_eq!(check("s/versions", b()).await.ok(), no);
    assert_eq!(check("new/versions/latest", b()).await.ok(), yes);
    assert_eq!(check("new/versions", b()).await.ok(), yes);
    assert_eq!(check("s/versions/9", b()).await.code(), 40402);
    assert_eq!(check("new/versions/1", b()).await.code(), 40402);
    assert_eq!(check("s/versions/x", b()).await.code(), 42202);
    assert_eq!(check("s/versions/latest", "{".to_owned()).await.code(), 42201);
    let verbose = check("s/versions/1?verbose=true", b()).await.ok();
    let messages = verbose["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 4, "{messages:?}");
    assert_eq!(messages[1], "{oldSchemaVersion: 1}");
    let verbose = check("s/versions/2?verbose=true", b()).await.ok();
    assert_eq!(verbose, json!({"is_compatible": true, "messages": []}));
    let verbose = check("s/versions/1?verbose=true", "{".to_owned()).await.ok();
    assert_eq!(verbose["is_compatible"], false);
    assert!(verbose["messages"][0].as_str().unwrap().contains("details: "));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn soft_deleted_versions_do_not_count() {
    let cluster = Cluster::start().await;
    cluster.register("s", &record("R", &["a"])).await;
    let other = json!({"schema": "\"int\""});
    assert_eq!(cluster.post("/subjects/s/versions", &other).await.code(), 409);
    cluster.delete("/subjects/s/versions/1").await.ok();
    assert_eq!(cluster.post("/subjects/s/versions", &other).await.ok(), json!({"id": 2}));
    cluster.stop().await;
}

/// For each level: whether a field may be added without a default, and whether one may be dropped.
#[tokio::test(flavor = "multi_thread")]
async fn all_seven_levels_are_enforced() {
    let cluster = Cluster::start().await;
    for (level, added, dropped) in [
        ("NONE", 200, 200),
        ("BACKWARD", 409, 200),
        ("BACKWARD_TRANSITIVE", 409, 200),
        ("FORWARD", 200, 409),
        ("FORWARD_TRANSITIVE", 200, 409),
        ("FULL", 409, 409),
        ("FULL_TRANSITIVE", 409, 409),
    ] {
        for (fields, expected) in [(&["a", "b"][..], added), (&[], dropped)] {
            let subject = format!("{level}-{}", fields.len());
            let config = json!({"compatibility": level});
            cluster.put(&format!("/config/{subject}"), &config).await.ok();
            cluster.register(&subject, &record("R", &["a"])).await;
            let body = json!({"schema": record("R", fields)});
            let answer = cluster.post(&format!("/subjects/{subject}/versions"), &body).await;
            assert_eq!(answer.status, expected, "{level} {fields:?}");
        }
    }
    cluster.stop().await;
}
