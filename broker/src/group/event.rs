//! What happens to a group, and what comes of it: plain values, no wire types.

use std::collections::HashMap;

use bytes::Bytes;

use super::error::GroupError;
use super::record::GroupRecord;

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds on a clock that never jumps: deadlines are counted on it.
    pub(crate) elapsed_ms: u64,
    /// Milliseconds since 1970: what is recorded.
    pub(crate) unix_ms: i64,
}

/// Names a request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// A protocol that a member can speak, with what it says about itself in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Protocol {
    /// Name of the assignment strategy.
    pub(crate) name: String,
    /// The member's subscription; the coordinator never looks inside.
    pub(crate) metadata: Bytes,
}

/// A member asks to be in the next generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Join {
    /// Empty for a member that has no id yet.
    pub(crate) member_id: String,
    /// Id for the member in case it has none.
    pub(crate) fresh_member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
    /// Client id and address, as they are shown to administrators.
    pub(crate) client: Client,
    /// Time between two signs of life.
    pub(crate) session_timeout_ms: i32,
    /// Time that the member needs to join again; negative counts as 0.
    pub(crate) rebalance_timeout_ms: i32,
    /// Kind of group: `consumer`, `connect`, `sr`.
    pub(crate) protocol_type: String,
    /// Protocols in the member's order of preference.
    pub(crate) protocols: Vec<Protocol>,
    /// What the member's version of the protocol can do.
    pub(crate) abilities: JoinAbilities,
}

/// Where a member comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// The client id.
    pub(crate) id: String,
    /// The address, as Java prints it: `/127.0.0.1`.
    pub(crate) host: String,
}

/// What a member understands, by the version of its JoinGroup request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JoinAbilities {
    /// Versions 0 to 3: gets its member id together with its place in the group.
    Basic,
    /// From version 4: joins in two steps (KIP-394).
    TwoSteps,
    /// From version 9: a static leader may be told to skip the assignment (KIP-814).
    SkipAssignment,
}

/// A member asks for its assignment; the leader brings those of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sync {
    /// Who asks.
    pub(crate) member: MemberIdentity,
    /// Generation that the member believes in.
    pub(crate) generation: i32,
    /// Protocol type, where the version has it.
    pub(crate) protocol_type: Option<String>,
    /// Protocol chosen, where the version has it.
    pub(crate) protocol: Option<String>,
    /// Assignment by member id; empty unless the leader asks.
    pub(crate) assignments: HashMap<String, Bytes>,
}

/// How a member says who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MemberIdentity {
    /// Member id given by the coordinator.
    pub(crate) member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
}

/// One partition's offset, as a member or an administrator commits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetToCommit {
    /// Name of the topic.
    pub(crate) topic: String,
    /// Number of the partition.
    pub(crate) partition: i32,
    /// The next offset to be read.
    pub(crate) offset: i64,
    /// Leader epoch of the last record read, or -1.
    pub(crate) leader_epoch: i32,
    /// Free text of the client.
    pub(crate) metadata: String,
}

/// Offsets are committed for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Who commits; both parts empty for a client outside the group protocol.
    pub(crate) member: MemberIdentity,
    /// The member's generation; -1 outside the group protocol.
    pub(crate) generation: i32,
    /// How long to keep the offsets, where a request of version 2 to 4 says so.
    pub(crate) retention_ms: Option<i64>,
    /// The offsets.
    pub(crate) offsets: Vec<OffsetToCommit>,
}

/// Which committed offsets are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OffsetQuery {
    /// All that the group has.
    All,
    /// Those of these topics and partitions.
    Of(Vec<(String, Vec<i32>)>),
}

/// What happens to one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// JoinGroup.
    Join(Join),
    /// SyncGroup.
    Sync(Sync),
    /// Heartbeat.
    Heartbeat {
        /// Who is alive.
        member: MemberIdentity,
        /// Generation that the member believes in.
        generation: i32,
    },
    /// LeaveGroup; an empty member id with an instance id is an administrator's removal.
    Leave(Vec<MemberIdentity>),
    /// OffsetCommit.
    Commit(Commit),
    /// OffsetFetch.
    FetchOffsets(OffsetQuery),
    /// DescribeGroups.
    Describe,
    /// DeleteGroups.
    Delete,
}

/// A member's place in a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Joined {
    /// The generation.
    pub(crate) generation: i32,
    /// Kind of group.
    pub(crate) protocol_type: Option<String>,
    /// Protocol chosen for all.
    pub(crate) protocol: Option<String>,
    /// Member id of the leader.
    pub(crate) leader: String,
    /// Whether the leader leaves the assignment as it is.
    pub(crate) skip_assignment: bool,
    /// The member's own id.
    pub(crate) member_id: String,
    /// For the leader: all members; else empty.
    pub(crate) members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    /// Member id.
    pub(crate) member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
    /// Its subscription in the protocol chosen.
    pub(crate) metadata: Bytes,
}

/// Why a member is not in, and the id it should go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinRefused {
    /// Why.
    pub(crate) error: GroupError,
    /// The member's id, or empty.
    pub(crate) member_id: String,
}

/// A member's share of the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Kind of group.
    pub(crate) protocol_type: Option<String>,
    /// Protocol chosen for all.
    pub(crate) protocol: Option<String>,
    /// The leader's bytes for this member; empty if there are none.
    pub(crate) assignment: Bytes,
}

/// The offset kept for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The next offset to be read.
    pub(crate) offset: i64,
    /// Leader epoch of the last record read, or -1.
    pub(crate) leader_epoch: i32,
    /// Free text of the client.
    pub(crate) metadata: String,
    /// When it was committed, in ms since 1970.
    pub(crate) commit_timestamp_ms: i64,
    /// When it expires, if the client said so, in ms since 1970.
    pub(crate) expire_timestamp_ms: Option<i64>,
}

/// A partition, and the offset kept for it, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchedOffset {
    /// Name of the topic.
    pub(crate) topic: String,
    /// Number of the partition.
    pub(crate) partition: i32,
    /// What was committed.
    pub(crate) committed: Option<Committed>,
}

/// A group as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupDescription {
    /// Name of the state, as Kafka's tools print it.
    pub(crate) state: &'static str,
    /// Kind of group; empty if nobody ever joined.
    pub(crate) protocol_type: String,
    /// Protocol chosen; empty unless the group is stable.
    pub(crate) protocol: String,
    /// The members, by member id.
    pub(crate) members: Vec<MemberDescription>,
}

/// A member as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberDescription {
    /// Member id.
    pub(crate) member_id: String,
    /// `group.instance.id` of a static member.
    pub(crate) instance_id: Option<String>,
    /// Client id and address.
    pub(crate) client: Client,
    /// Subscription in the protocol chosen; empty unless the group is stable.
    pub(crate) metadata: Bytes,
    /// Assignment; empty unless the group is stable.
    pub(crate) assignment: Bytes,
}

/// What became of one member of a LeaveGroup request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberLeft {
    /// The member as the request named it.
    pub(crate) member: MemberIdentity,
    /// Whether it is out now.
    pub(crate) result: Result<(), GroupError>,
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// To [`Event::Join`].
    Join(Result<Joined, JoinRefused>),
    /// To [`Event::Sync`].
    Sync(Result<Synced, GroupError>),
    /// To [`Event::Leave`], in the order of the request.
    Left(Vec<MemberLeft>),
    /// To [`Event::Commit`]: one result per offset, in the order of the request.
    Commit(Result<Vec<Result<(), GroupError>>, GroupError>),
    /// To [`Event::FetchOffsets`].
    Offsets(Vec<FetchedOffset>),
    /// To [`Event::Describe`].
    Description(Result<GroupDescription, GroupError>),
    /// To all other events.
    Done(Result<(), GroupError>),
}

/// What comes of an event: records to keep, then answers to give.
///
/// An answer may go only when the records of the same event, and those before it, are durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// What was decided, in order.
    pub(crate) records: Vec<GroupRecord>,
    /// Answers, in order; a ticket is answered once.
    pub(crate) answers: Vec<(Ticket, Answer)>,
}

impl Effects {
    /// Adds what comes of a later event.
    pub(super) fn extend(&mut self, later: Self) {
        self.records.extend(later.records);
        self.answers.extend(later.answers);
    }

    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.answers.push((ticket, answer));
    }

    pub(super) fn refuse_join(&mut self, ticket: Ticket, error: GroupError, member_id: &str) {
        let refused = JoinRefused { error, member_id: member_id.to_owned() };
        self.answer(ticket, Answer::Join(Err(refused)));
    }
}

impl Event {
    /// Tells whether the event makes a group that does not exist yet.
    #[must_use]
    pub(crate) fn creates_group(&self) -> bool {
        match self {
            Self::Join(join) => join.member_id.is_empty(),
            Self::Commit(commit) => commit.generation < 0,
            _ => false,
        }
    }

    /// Answers the event for a group that does not exist and is not made.
    #[must_use]
    pub(crate) fn without_group(self) -> Answer {
        match self {
            Self::Join(join) => Answer::Join(Err(JoinRefused {
                error: GroupError::UnknownMember,
                member_id: join.member_id,
            })),
            Self::Leave(members) => {
                let refuse = |member| MemberLeft { member, result: Err(GroupError::UnknownMember) };
                Answer::Left(members.into_iter().map(refuse).collect())
            }
            Self::FetchOffsets(OffsetQuery::All) => Answer::Offsets(Vec::new()),
            Self::FetchOffsets(OffsetQuery::Of(topics)) => Answer::Offsets(
                topics
                    .into_iter()
                    .flat_map(|(topic, partitions)| {
                        partitions.into_iter().map(move |partition| FetchedOffset {
                            topic: topic.clone(),
                            partition,
                            committed: None,
                        })
                    })
                    .collect(),
            ),
            other => other.refused(other.error_without_group()),
        }
    }

    /// Answers the event with a refusal.
    #[must_use]
    pub(crate) fn refused(&self, error: GroupError) -> Answer {
        match self {
            Self::Join(join) => {
                Answer::Join(Err(JoinRefused { error, member_id: join.member_id.clone() }))
            }
            Self::Sync(_) => Answer::Sync(Err(error)),
            Self::Leave(members) => Answer::Left(
                members
                    .iter()
                    .map(|member| MemberLeft { member: member.clone(), result: Err(error) })
                    .collect(),
            ),
            Self::Commit(_) => Answer::Commit(Err(error)),
            Self::Describe => Answer::Description(Err(error)),
            Self::Heartbeat { .. } | Self::FetchOffsets(_) | Self::Delete => {
                Answer::Done(Err(error))
            }
        }
    }

    const fn error_without_group(&self) -> GroupError {
        match self {
            Self::Commit(_) | Self::Describe | Self::Delete => GroupError::GroupNotFound,
            _ => GroupError::UnknownMember,
        }
    }
}
