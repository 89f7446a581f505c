//! Registering, looking up, reading and listing schemas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::harness::{Cluster, record};

#[tokio::test(flavor = "multi_thread")]
async fn registered_schema_is_read_in_every_way() {
    let cluster = Cluster::start().await;
    let text = "{ \"type\": \"record\", \"name\": \"R\", \"fields\": [ ] }";
    let canonical = r#"{"type":"record","name":"R","fields":[]}"#;
    assert_eq!(cluster.register("r-value", text).await, 1);
    let version = json!({"subject": "r-value", "version": 1, "id": 1, "schema": canonical});
    for path in ["1", "latest", "-1"] {
        let answer = cluster.get(&format!("/subjects/r-value/versions/{path}")).await;
        assert_eq!(answer.ok(), version, "{path}");
    }
    let looked_up = cluster.post("/subjects/r-value", &json!({"schema": text})).await;
    assert_eq!(looked_up.ok(), version);
    assert_eq!(cluster.get("/schemas/ids/1").await.ok(), json!({"schema": canonical}));
    assert_eq!(cluster.get("/schemas/ids/1/schema").await.text, canonical);
    assert_eq!(cluster.get("/subjects/r-value/versions/1/schema").await.text, canonical);
    assert_eq!(cluster.get("/schemas/ids/1/subjects").await.ok(), json!(["r-value"]));
    let versions = cluster.get("/schemas/ids/1/versions").await.ok();
    assert_eq!(versions, json!([{"subject": "r-value", "version": 1}]));
    let with_max = cluster.get("/schemas/ids/1?fetchMaxId=true").await.ok();
    assert_eq!(with_max, json!({"schema": canonical, "maxId": 1}));
    assert_eq!(cluster.get("/schemas").await.ok(), json!([version]));
    assert_eq!(cluster.get("/schemas/types").await.ok(), json!(["AVRO"]));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_take_more_are_told_guids() {
    let cluster = Cluster::start().await;
    let headers =
        [("Content-Type", "application/json"), ("Confluent-Accept-Unknown-Properties", "true")];
    let body = json!({"schema": "\"int\""}).to_string();
    let send = |method, path, body| cluster.send_raw(method, path, &headers, body);
    let registered = send("POST", "/subjects/s/versions", Some(body.as_bytes())).await.ok();
    let guid = registered["guid"].as_str().unwrap().to_owned();
    assert_eq!((&registered["id"], &registered["version"]), (&json!(1), &json!(1)));
    let found = send("GET", "/subjects/s/versions/1", None).await.ok();
    assert_eq!(
        (found["guid"].as_str(), found["schemaType"].as_str()),
        (Some(&*guid), Some("AVRO"))
    );
    let by_guid = cluster.get(&format!("/schemas/guids/{guid}")).await.ok();
    assert_eq!(by_guid, json!({"schema": "\"int\""}));
    let plain = guid.replace('-', "");
    let ids = cluster.get(&format!("/schemas/guids/{plain}/ids")).await.ok();
    assert_eq!(ids, json!([{"context": ".", "id": 1}]));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_registrations_of_one_schema_give_one_id() {
    let cluster = Cluster::start().await;
    let body = json!({"schema": record("R", &["a"])});
    let requests = (0..32).map(|n| {
        let path = format!("/subjects/s{}/versions", n % 4);
        let (cluster, body) = (&cluster, &body);
        async move { cluster.post(&path, body).await.ok() }
    });
    let answers = futures_util::future::join_all(requests).await;
    assert_eq!(answers, vec![json!({"id": 1}); 32]);
    for subject in 0..4 {
        let versions = cluster.get(&format!("/subjects/s{subject}/versions")).await.ok();
        assert_eq!(versions, json!([1]));
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_under_way_together_give_each_schema_one_id_and_leave_no_gap() {
    let cluster = Cluster::start().await;
    cluster.put("/config", &json!({"compatibility": "NONE"})).await.ok();
    let register = |number: usize| {
        let (subject, name) = (format!("s{}", number % 20), format!("R{}", number % 31));
        let text = record(&name, &[]);
        let cluster = &cluster;
        async move {
            if number % 50 == 7 {
                let body = json!({"compatibility": "NONE"});
                cluster.put(&format!("/config/{subject}"), &body).await.ok();
            }
            (subject.clone(), text.clone(), cluster.register(&subject, &text).await)
        }
    };
    let done = futures_util::future::join_all((0..400).map(register)).await;
    let mut ids: BTreeMap<String, i64> = BTreeMap::new();
    let mut subjects: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (subject, text, id) in done {
        assert_eq!(*ids.entry(text).or_insert(id), id, "a schema has one id");
        subjects.entry(subject).or_default().insert(id);
    }
    let distinct: BTreeSet<i64> = ids.values().copied().collect();
    assert_eq!(distinct, (1..=31).collect(), "each schema has its own id");
    let cluster = cluster.restart().await;
    for (text, id) in &ids {
        assert_eq!(cluster.get(&format!("/schemas/ids/{id}")).await.ok()["schema"], **text);
    }
    for (subject, registered) in &subjects {
        let versions = cluster.get(&format!("/subjects/{subject}/versions")).await.ok();
        let expected: Vec<usize> = (1..=registered.len()).collect();
        assert_eq!(versions, json!(expected), "versions of {subject} have no gap");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_read_at_once() {
    let cluster = Cluster::start().await;
    for n in 0..50 {
        let id = cluster.register("s", &record("R", &[&format!("f{n}?")])).await;
        assert_eq!(id, n + 1);
        let latest = cluster.get("/subjects/s/versions/latest").await.ok();
        assert_eq!((&latest["id"], &latest["version"]), (&json!(id), &json!(n + 1)));
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_may_hold_any_printable_character() {
    let cluster = Cluster::start().await;
    cluster.register("a%2Fb%20c%3A%C3%A9", "\"int\"").await;
    assert_eq!(cluster.get("/subjects").await.ok(), json!(["a/b c:é"]));
    let found = cluster.get("/subjects/a%2Fb%20c%3A%C3%A9/versions/1").await.ok();
    assert_eq!(found["subject"], "a/b c:é");
    cluster.register(":.:default", "\"int\"").await;
    assert_eq!(cluster.get("/subjects?subjectPrefix=d").await.ok(), json!(["default"]));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn normalised_schemas_are_one_when_others_are_two() {
    let cluster = Cluster::start().await;
    let one = json!({"schema": r#"{"type":"int","b":1,"a":2}"#});
    let two = json!({"schema": r#"{"type":"int","a":2,"b":1}"#});
    let register = |subject: &str, body| {
        let path = format!("/subjects/{subject}");
        let cluster = &cluster;
        async move { cluster.post(&path, body).await.ok()["id"].clone() }
    };
    let plain = [register("p/versions", &one).await, register("p/versions", &two).await];
    assert_ne!(plain[0], plain[1]);
    let path = "n/versions?normalize=true";
    let normal = [register(path, &one).await, register(path, &two).await];
    assert_eq!(normal[0], normal[1]);
    cluster.put("/config/c", &json!({"normalize": true})).await.ok();
    assert_eq!(register("c/versions", &one).await, normal[0]);
    // A look-up finds what means the same.
    let found = cluster.post("/subjects/n", &one).await.ok();
    assert_eq!(found["id"], normal[0]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forced_registration_need_not_fit() {
    let cluster = Cluster::start().await;
    cluster.register("f", &record("R", &["a"])).await;
    let wider = json!({"schema": record("R", &["a", "b"])});
    assert_eq!(cluster.post("/subjects/f/versions", &wider).await.code(), 409);
    assert_eq!(cluster.post("/subjects/f/versions?force=false", &wider).await.code(), 409);
    let forced = cluster.post("/subjects/f/versions?force=true", &wider).await;
    assert_eq!(forced.ok(), json!({"id": 2}));
    let broken = json!({"schema": "{"});
    assert_eq!(cluster.post("/subjects/f/versions?force=true", &broken).await.code(), 42201);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let cluster = Cluster::start().await;
    for subject in ["a", "b", "c"] {
        cluster.register(subject, "\"int\"").await;
        cluster.register(subject, "\"long\"").await;
    }
    assert_eq!(cluster.get("/subjects?offset=1&limit=1").await.ok(), json!(["b"]));
    assert_eq!(cluster.get("/subjects?limit=-1").await.ok(), json!(["a", "b", "c"]));
    assert_eq!(cluster.get("/subjects/a/versions?offset=1").await.ok(), json!([2]));
    assert_eq!(cluster.get("/schemas/ids/1/subjects?limit=2").await.ok(), json!(["a", "b"]));
    let latest = cluster.get("/schemas?latestOnly=true&offset=1").await.ok();
    let latest: Vec<_> = latest.as_array().unwrap().iter().map(|v| &v["version"]).collect();
    assert_eq!(latest, [2, 2]);
    assert_eq!(cluster.get("/schemas?subjectPrefix=c&limit=1").await.ok()[0]["subject"], "c");
    cluster.stop().await;
}
