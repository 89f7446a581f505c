//! Bodies that nobody means well with: each gets a clear 4xx, and the registry lives on.

use serde_json::{Value, json};

use crate::harness::{Cluster, V1};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_get_a_clear_refusal() {
    let cluster = Cluster::start().await;
    let schema = |text: String| json!({"schema": text}).to_string().into_bytes();
    let nested = |open: &str, close: &str, n| [open.repeat(n), close.repeat(n)].concat();
    let arrays =
        |n| [r#"{"type":"array","items":"#.repeat(n), "\"int\"".to_owned(), "}".repeat(n)].concat();
    let union = format!("[{}]", (0..20_000).map(|_| "\"int\"").collect::<Vec<_>>().join(","));
    let many = json!({"schema": "\"int\"", "references": vec![json!({"name": "n", "subject": "s", "version": 1}); 5000]});
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("cut short", br#"{"schema": "\"int"#.to_vec()),
        ("empty", Vec::new()),
        ("blank", b" \r\n ".to_vec()),
        ("not UTF-8", b"{\"schema\": \"\xff\xfe\"}".to_vec()),
        ("lone surrogate", br#"{"schema": "\ud800"}"#.to_vec()),
        ("null", b"null".to_vec()),
        ("number", b"17".to_vec()),
        ("list", b"[1,2]".to_vec()),
        ("schema is an object", br#"{"schema": {"type": "int"}}"#.to_vec()),
        ("schema is null", br#"{"schema": null}"#.to_vec()),
        ("deep JSON", nested("[", "]", 100_000).into_bytes()),
        ("deep objects", nested("{\"a\":", "}", 50_000).into_bytes()),
        ("deep schema", schema(arrays(10_000))),
        ("union of the same", schema(union)),
        ("zero byte", schema("\u{0}".to_owned())),
        ("huge number", br#"{"schema": "\"int\"", "version": 99999999999999999999}"#.to_vec()),
        (
            "property like a keyword",
            schema(r#"{"type":"record","name":"R","size":"big"}"#.to_owned()),
        ),
        ("references without end", many.to_string().into_bytes()),
        ("member twice", br#"{"schema":"a","schema":"b"}"#.to_vec()),
        ("too large", vec![b' '; 9 * 1024 * 1024]),
    ];
    for (name, body) in &bodies {
        for path in ["/subjects/h/versions", "/subjects/h", "/compatibility/subjects/h/versions"] {
            let answer = cluster.send_raw("POST", path, &[("Content-Type", V1)], Some(body)).await;
            assert!((400..500).contains(&answer.status), "{name} at {path}: {answer:?}");
            answer.code();
        }
    }
    for path in ["/config", "/mode", "/config/h", "/mode/h"] {
        for body in ["", "{", "[]", "null", "\"x\"", r#"{"mode": 1}"#, r#"{"compatibility": []}"#] {
            let headers = [("Content-Type", V1)];
            let answer = cluster.send_raw("PUT", path, &headers, Some(body.as_bytes())).await;
            assert!((400..500).contains(&answer.status), "{body} at {path}: {answer:?}");
            answer.code();
        }
    }
    assert_eq!(cluster.get("/subjects?deleted=true").await.ok(), json!([]));
    assert_eq!(cluster.register("fine", "\"int\"").await, 1);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_get_a_clear_refusal() {
    let cluster = Cluster::start().await;
    for path in [
        "/subjects/%FF/versions",
        "/subjects/%00/versions/1",
        "/schemas/ids/-1",
        "/schemas/ids/%31%00",
        "/subjects//versions",
        "/subjects/s/versions/99999999999999999999",
        "/schemas/guids/%F0%9F%98%80",
        "/..%2f..%2fetc",
        "/subjects/s/versions/1/schema/more",
    ] {
        let answer = cluster.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        answer.code();
    }
    let long = format!("/subjects/{}/versions", "x".repeat(30_000));
    assert_eq!(cluster.get(&long).await.code(), 40401);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_that_look_like_keywords_are_kept() {
    let cluster = Cluster::start().await;
    let text = r#"{"type":"record","name":"R","fields":[{"name":"f","type":"int","size":"big","symbols":7}],"items":5,"order":3}"#;
    cluster.register("s", text).await;
    let found: Value = cluster.get("/schemas/ids/1").await.ok();
    let kept: Value = serde_json::from_str(found["schema"].as_str().unwrap()).unwrap();
    assert_eq!(kept["fields"][0]["name"], "f");
    cluster.stop().await;
}
