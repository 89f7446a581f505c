//! Cluster metadata: an ordered log of typed records in `__cluster_metadata-0`, and its fold.

mod cluster;
mod error;
mod image;
mod names;
mod records;

pub(crate) use cluster::{ClusterMetadata, NewTopic};
pub use error::MetadataError;
pub(crate) use image::{LEADER_EPOCH, TopicImage};
pub use names::NameError;
pub(crate) use names::{check_topic_name, is_internal};
pub use records::RecordError;
