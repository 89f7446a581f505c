//! Media types, methods, and routes that are about the registry itself.

use serde_json::json;

use crate::harness::{Cluster, V1};

#[tokio::test(flavor = "multi_thread")]
async fn media_types_are_negotiated() {
    let cluster = Cluster::start().await;
    let body = json!({"schema": "\"int\""}).to_string();
    for (media_type, status) in [
        (V1, 200),
        ("application/vnd.schemaregistry+json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/octet-stream", 200),
        ("text/plain", 415),
        ("application/xml", 415),
    ] {
        let headers = [("Content-Type", media_type)];
        let answer =
            cluster.send_raw("POST", "/subjects/s/versions", &headers, Some(body.as_bytes())).await;
        assert_eq!(answer.status, status, "{media_type}");
        if status == 415 {
            assert_eq!(answer.message(), "HTTP 415 Unsupported Media Type");
        }
    }
    let untyped = cluster.send_raw("POST", "/subjects/s", &[], Some(body.as_bytes())).await;
    assert_eq!(untyped.status, 200);
    for (accept, expected) in [
        ("*/*", V1),
        ("application/json", "application/json"),
        ("application/vnd.schemaregistry+json, text/html", "application/vnd.schemaregistry+json"),
        (
            "application/json;q=0.9, application/vnd.schemaregistry.v1+json;q=0.1",
            "application/json",
        ),
    ] {
        let answer = cluster.send_raw("GET", "/subjects", &[("Accept", accept)], None).await;
        assert_eq!((answer.status, &*answer.media_type), (200, expected), "{accept}");
    }
    let refused = cluster.send_raw("GET", "/subjects", &[("Accept", "text/html")], None).await;
    assert_eq!(refused.code(), 406);
    let error = cluster.send_raw("GET", "/x", &[("Accept", "application/json")], None).await;
    assert_eq!(error.code(), 404);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_methods_and_routes_are_told_in_json() {
    let cluster = Cluster::start().await;
    for (method, path) in [
        ("PUT", "/subjects"),
        ("DELETE", "/schemas/ids/1"),
        ("POST", "/config"),
        ("PATCH", "/mode"),
    ] {
        let answer = cluster.send(method, path, None).await;
        assert_eq!(answer.code(), 405, "{method} {path}");
        assert_eq!(answer.message(), "HTTP 405 Method Not Allowed");
    }
    assert_eq!(cluster.get("/").await.ok(), json!({}));
    assert_eq!(cluster.get("/contexts").await.ok(), json!(["."]));
    assert_eq!(cluster.get("/master_available").await.ok(), json!({"master_available": true}));
    let version = cluster.get("/v1/metadata/version").await.ok();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let id = cluster.get("/v1/metadata/id").await.ok();
    assert!(id["scope"]["clusters"]["kafka-cluster"].is_string(), "{id}");
    cluster.stop().await;
}
