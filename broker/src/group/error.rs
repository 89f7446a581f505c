//! Why the coordinator refuses a request.

use protocol::ErrorCode;

/// A refusal by the group coordinator.
///
/// [`GroupError::code`](Self::code) is the one place where it meets the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    /// The member id is not one of the group's.
    #[error("the member is not in the group")]
    UnknownMember,
    /// A dynamic member has to join again with the id that it was given (KIP-394).
    #[error("the member has to join again with the id given")]
    MemberIdRequired,
    /// The static member was replaced by a newer one with the same instance id (KIP-345).
    #[error("another member took over the instance id")]
    FencedInstance,
    /// The generation is not the group's current one.
    #[error("the generation is not the current one")]
    IllegalGeneration,
    /// Protocol type or protocols do not fit those of the other members.
    #[error("the protocols do not fit the group")]
    InconsistentProtocol,
    /// The session timeout is outside `group.min.session.timeout.ms..=group.max.session.timeout.ms`.
    #[error("the session timeout is out of range")]
    InvalidSessionTimeout,
    /// The group id may not be used for this request.
    #[error("the group id is invalid")]
    InvalidGroupId,
    /// The instance id is longer than a record holds.
    #[error("the instance id is too long")]
    InvalidInstanceId,
    /// The group has as many members as `group.max.size` allows.
    #[error("the group is full")]
    GroupFull,
    /// Members have to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// There is no such group.
    #[error("the group does not exist")]
    GroupNotFound,
    /// The group still has members.
    #[error("the group has members")]
    GroupNotEmpty,
    /// The text kept with an offset is longer than `offset.metadata.max.bytes`.
    #[error("the metadata of the offset is too large")]
    OffsetMetadataTooLarge,
    /// The committed topic or partition does not exist.
    #[error("the topic or partition does not exist")]
    UnknownPartition,
    /// The state of the group would not fit in one record.
    #[error("the state of the group is too large")]
    StateTooLarge,
    /// The group was unloaded, or its log could not be written or read.
    #[error("the coordinator is not available")]
    NotAvailable,
}

impl GroupError {
    /// Returns the code that a client sees: the one place where this error meets the wire.
    pub(crate) const fn code(self) -> ErrorCode {
        match self {
            Self::UnknownMember => ErrorCode::UnknownMemberId,
            Self::MemberIdRequired => ErrorCode::MemberIdRequired,
            Self::FencedInstance => ErrorCode::FencedInstanceId,
            Self::IllegalGeneration => ErrorCode::IllegalGeneration,
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::InvalidInstanceId => ErrorCode::InvalidRequest,
            Self::GroupFull => ErrorCode::GroupMaxSizeReached,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::GroupNotFound => ErrorCode::GroupIdNotFound,
            Self::GroupNotEmpty => ErrorCode::NonEmptyGroup,
            Self::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
            Self::UnknownPartition => ErrorCode::UnknownTopicOrPartition,
            Self::StateTooLarge => ErrorCode::UnknownServerError,
            Self::NotAvailable => ErrorCode::CoordinatorNotAvailable,
        }
    }
}
