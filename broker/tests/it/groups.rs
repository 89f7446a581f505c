//! Consumer groups over the wire: coordinator lookup, membership, administration, restarts.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use protocol::ErrorCode;
use protocol::messages::delete_groups::DeleteGroupsRequest;
use protocol::messages::describe_groups::{DescribeGroupsRequest, DescribedGroup};
use protocol::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use protocol::messages::heartbeat::HeartbeatRequest;
use protocol::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use protocol::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use protocol::messages::list_groups::ListGroupsRequest;
use protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use protocol::messages::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

use crate::harness::{Client, PATIENCE, TestBroker};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const HEARTBEAT: i16 = 4;
const LEAVE: i16 = 5;

#[track_caller]
fn check(found: i16, expected: ErrorCode) {
    assert_eq!(ErrorCode::from_code(found), Some(expected));
}

pub(crate) fn join(group: &str, member_id: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"\x00\x01subscription"),
        }],
        ..JoinGroupRequest::default()
    }
}

/// Joins in as many steps as it takes; answers when the member has a place.
pub(crate) async fn enter(client: &mut Client, mut request: JoinGroupRequest) -> JoinGroupResponse {
    loop {
        let response = client.call(&request, JOIN).await;
        match ErrorCode::from_code(response.error_code) {
            Some(ErrorCode::None) => return response,
            Some(ErrorCode::MemberIdRequired) => request.member_id = response.member_id,
            other => panic!("join: {other:?}"),
        }
    }
}

pub(crate) fn sync(group: &str, joined: &JoinGroupResponse) -> SyncGroupRequest {
    let leads = joined.leader == joined.member_id;
    let own = |id: &String| SyncGroupRequestAssignment {
        member_id: id.clone(),
        assignment: Bytes::from(format!("share of {id}")),
    };
    let members = joined.members.iter().map(|member| &member.member_id);
    SyncGroupRequest {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: if leads { members.map(own).collect() } else { Vec::new() },
        ..SyncGroupRequest::default()
    }
}

#[track_caller]
fn check_share(joined: &JoinGroupResponse, synced: &SyncGroupResponse) {
    check(synced.error_code, ErrorCode::None);
    assert_eq!(synced.assignment, format!("share of {}", joined.member_id));
}

/// Makes a stable group with one member.
pub(crate) async fn settle(client: &mut Client, group: &str) -> JoinGroupResponse {
    let joined = enter(client, join(group, "")).await;
    let synced = client.call(&sync(group, &joined), SYNC).await;
    check_share(&joined, &synced);
    joined
}

async fn heartbeat(client: &mut Client, group: &str, joined: &JoinGroupResponse) -> i16 {
    let request = HeartbeatRequest {
        group_id: group.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        group_instance_id: None,
    };
    client.call(&request, HEARTBEAT).await.error_code
}

fn leave(group: &str, member_id: &str) -> LeaveGroupRequest {
    let member = MemberIdentity { member_id: member_id.to_owned(), ..MemberIdentity::default() };
    LeaveGroupRequest {
        group_id: group.to_owned(),
        member_id: member_id.to_owned(),
        members: vec![member],
    }
}

async fn describe(client: &mut Client, group: &str, version: i16) -> DescribedGroup {
    let groups = vec![group.to_owned()];
    let request = DescribeGroupsRequest { groups, include_authorized_operations: version >= 3 };
    client.call(&request, version).await.groups.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_the_group_protocol_is_served() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for version in 0..=JOIN {
        let group = format!("g{version}");
        let mut request = join(&group, "");
        let mut joined = client.call(&request, version).await;
        if version >= 4 {
            check(joined.error_code, ErrorCode::MemberIdRequired);
            request.member_id = joined.member_id;
            joined = client.call(&request, version).await;
        }
        check(joined.error_code, ErrorCode::None);
        assert_eq!((joined.generation_id, joined.members.len()), (1, 1));
        assert_eq!(joined.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        let synced = client.call(&sync(&group, &joined), version.min(SYNC)).await;
        check_share(&joined, &synced);
        assert_eq!(synced.protocol_name.as_deref(), (version >= 5).then_some("range"));
        let beat = HeartbeatRequest {
            group_id: group.clone(),
            generation_id: 1,
            member_id: joined.member_id.clone(),
            group_instance_id: None,
        };
        let answer = client.call(&beat, version.min(HEARTBEAT)).await;
        check(answer.error_code, ErrorCode::None);
        let left = client.call(&leave(&group, &joined.member_id), version.min(LEAVE)).await;
        check(left.error_code, ErrorCode::None);
        assert_eq!(left.members.len(), usize::from(version >= 3));
        let again = client.call(&leave(&group, &joined.member_id), version.min(LEAVE)).await;
        let code = again.members.first().map_or(again.error_code, |member| member.error_code);
        check(code, ErrorCode::UnknownMemberId);
    }
    broker.stop().await;
}

fn only(response: FindCoordinatorResponse) -> (i16, i32, i32, String) {
    match response.coordinators.into_iter().next() {
        Some(one) => (one.error_code, one.node_id, one.port, one.error_message.unwrap_or_default()),
        None => {
            let message = response.error_message.unwrap_or_default();
            (response.error_code, response.node_id, response.port, message)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_broker_coordinates_every_group_and_makes_the_topic_for_it() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for version in 0..=6 {
        let request = FindCoordinatorRequest {
            key: "g".into(),
            key_type: 0,
            coordinator_keys: vec!["g".into()],
        };
        let (code, node_id, port, _) = only(client.call(&request, version).await);
        check(code, ErrorCode::None);
        assert_eq!(node_id, 1, "version {version}");
        assert_eq!(port, i32::from(broker.address().port()));
    }
    let name = Some("__consumer_offsets".to_owned());
    let topic = MetadataRequestTopic { name, ..MetadataRequestTopic::default() };
    let request = MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    };
    let topic = client.call(&request, 12).await.topics.remove(0);
    check(topic.error_code, ErrorCode::None);
    assert!(topic.is_internal);
    assert_eq!(topic.partitions.len(), 50);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_coordinated_is_refused_for_good_with_a_reason() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let mut ask = async |key_type, version| {
        let request = FindCoordinatorRequest {
            key: "x".into(),
            key_type,
            coordinator_keys: vec!["x".into()],
        };
        only(client.call(&request, version).await)
    };
    for version in 1..=6 {
        let (code, node_id, _, message) = ask(1, version).await;
        check(code, ErrorCode::TransactionalIdAuthorizationFailed);
        assert_eq!(node_id, -1);
        assert!(message.contains("transactional.id"), "{message}");
    }
    check(ask(2, 6).await.0, ErrorCode::InvalidRequest);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_consumers_share_and_the_one_that_stays_takes_over() {
    let broker = TestBroker::start().await;
    let (mut one, mut two) = (broker.connect().await, broker.connect().await);
    let first = settle(&mut one, "g").await;
    let given = two.call(&join("g", ""), JOIN).await;
    check(given.error_code, ErrorCode::MemberIdRequired);
    let waiting = two.send(&join("g", &given.member_id), JOIN).await;
    let deadline = Instant::now() + PATIENCE;
    while heartbeat(&mut one, "g", &first).await != ErrorCode::RebalanceInProgress.code() {
        assert!(Instant::now() < deadline, "the first member is not called back");
    }
    let first = enter(&mut one, join("g", &first.member_id)).await;
    let second = two.receive::<JoinGroupRequest>(waiting, JOIN).await;
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    let follower = two.send(&sync("g", &second), SYNC).await;
    let synced = one.call(&sync("g", &first), SYNC).await;
    check_share(&first, &synced);
    let synced = two.receive::<SyncGroupRequest>(follower, SYNC).await;
    check_share(&second, &synced);
    let left = one.call(&leave("g", &first.member_id), LEAVE).await;
    check(left.members[0].error_code, ErrorCode::None);
    check(heartbeat(&mut two, "g", &second).await, ErrorCode::RebalanceInProgress);
    let alone = enter(&mut two, join("g", &second.member_id)).await;
    assert_eq!((alone.generation_id, alone.members.len()), (3, 1));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_without_a_rebalance_and_fences_its_past() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let request = JoinGroupRequest { group_instance_id: Some("i".into()), ..join("g", "") };
    let before = enter(&mut client, request.clone()).await;
    client.call(&sync("g", &before), SYNC).await;
    let mut again = broker.connect().await;
    let after = enter(&mut again, request).await;
    assert_eq!(after.generation_id, before.generation_id);
    assert!(after.skip_assignment);
    assert_ne!(after.member_id, before.member_id);
    let old = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: before.generation_id,
        member_id: before.member_id.clone(),
        group_instance_id: Some("i".into()),
    };
    let answer = client.call(&old, HEARTBEAT).await;
    check(answer.error_code, ErrorCode::FencedInstanceId);
    let synced = again.call(&sync("g", &after), SYNC).await;
    assert_eq!(synced.assignment, format!("share of {}", before.member_id));
    let member = MemberIdentity { group_instance_id: Some("i".into()), ..Default::default() };
    let removal = LeaveGroupRequest { members: vec![member], ..leave("g", "") };
    let left = again.call(&removal, LEAVE).await;
    check(left.members[0].error_code, ErrorCode::None);
    assert_eq!(describe(&mut again, "g", 6).await.group_state, "Empty");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_described_as_they_stand() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let joined = settle(&mut client, "g").await;
    for version in 0..=6 {
        let group = describe(&mut client, "g", version).await;
        check(group.error_code, ErrorCode::None);
        assert_eq!((group.group_state.as_str(), group.protocol_data.as_str()), ("Stable", "range"));
        assert_eq!(group.protocol_type, "consumer");
        let member = &group.members[0];
        assert_eq!(member.member_id, joined.member_id);
        assert_eq!((member.client_id.as_str(), &member.client_host[..1]), ("test", "/"));
        assert_eq!(member.member_metadata, &b"\x00\x01subscription"[..]);
        assert_eq!(member.member_assignment, format!("share of {}", joined.member_id));
        let operations = if version >= 3 { 328 } else { i32::MIN };
        assert_eq!(group.authorized_operations, operations);
        let missing = describe(&mut client, "nothing", version).await;
        assert_eq!(missing.group_state, "Dead");
        let (code, message) = match version {
            6 => (ErrorCode::GroupIdNotFound, Some("Group nothing not found.")),
            _ => (ErrorCode::None, None),
        };
        check(missing.error_code, code);
        assert_eq!(missing.error_message.as_deref(), message);
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_listed_by_state_and_type() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    settle(&mut client, "stable").await;
    let gone = settle(&mut client, "empty").await;
    client.call(&leave("empty", &gone.member_id), LEAVE).await;
    let mut list = async |states: &[&str], types: &[&str], version| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let request =
            ListGroupsRequest { states_filter: owned(states), types_filter: owned(types) };
        let response = client.call(&request, version).await;
        check(response.error_code, ErrorCode::None);
        let plain = response.groups.into_iter().map(|group| (group.group_id, group.group_state));
        plain.collect::<BTreeMap<_, _>>()
    };
    for version in 0..=5 {
        let listed = list(&[], &[], version).await;
        let state = if version >= 4 { "Stable" } else { "" };
        assert_eq!((listed.len(), listed["stable"].as_str()), (2, state), "version {version}");
    }
    let names = |listed: BTreeMap<String, String>| listed.into_keys().collect::<Vec<_>>();
    assert_eq!(names(list(&["stable"], &[], 4).await), ["stable"]);
    assert_eq!(names(list(&["Empty", "Dead"], &[], 5).await), ["empty"]);
    assert_eq!(names(list(&[], &["Classic"], 5).await), ["empty", "stable"]);
    assert_eq!(names(list(&[], &["consumer"], 5).await), Vec::<String>::new());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_groups_without_members_are_deleted() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    for version in 0..=2 {
        let joined = settle(&mut client, "g").await;
        let request = DeleteGroupsRequest { groups_names: vec!["g".into(), "nothing".into()] };
        let results = client.call(&request, version).await.results;
        check(results[0].error_code, ErrorCode::NonEmptyGroup);
        check(results[1].error_code, ErrorCode::GroupIdNotFound);
        client.call(&leave("g", &joined.member_id), LEAVE).await;
        let results = client.call(&request, version).await.results;
        check(results[0].error_code, ErrorCode::None);
        assert_eq!(describe(&mut client, "g", 6).await.group_state, "Dead");
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_go_on_after_a_restart_of_the_broker() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let joined = settle(&mut client, "g").await;
    drop(client);
    let broker = broker.restart(&[]).await;
    let mut client = broker.connect().await;
    check(heartbeat(&mut client, "g", &joined).await, ErrorCode::None);
    let group = describe(&mut client, "g", 6).await;
    assert_eq!((group.group_state.as_str(), group.members.len()), ("Stable", 1));
    let request = ListGroupsRequest::default();
    assert_eq!(client.call(&request, 5).await.groups.len(), 1);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_stops_while_members_wait() {
    let broker = TestBroker::start().await;
    let (mut one, mut two) = (broker.connect().await, broker.connect().await);
    settle(&mut one, "g").await;
    let given = two.call(&join("g", ""), JOIN).await;
    two.send(&join("g", &given.member_id), JOIN).await;
    let deadline = Instant::now() + PATIENCE;
    while describe(&mut one, "g", 6).await.members.len() < 2 {
        assert!(Instant::now() < deadline, "the member does not join");
    }
    let begun = Instant::now();
    broker.stop().await;
    assert!(begun.elapsed() < PATIENCE, "took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn group_ids_and_sessions_are_checked() {
    let broker = TestBroker::start().await;
    let mut client = broker.connect().await;
    let answer = client.call(&join("", ""), JOIN).await;
    check(answer.error_code, ErrorCode::InvalidGroupId);
    let short = JoinGroupRequest { session_timeout_ms: 5_999, ..join("g", "") };
    for version in 0..=JOIN {
        let answer = client.call(&short, version).await;
        check(answer.error_code, ErrorCode::InvalidSessionTimeout);
        assert_eq!(answer.generation_id, -1);
    }
    broker.stop().await;
}
