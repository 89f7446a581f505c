//! Cluster metadata: an ordered log of typed records in `__cluster_metadata-0`, and its fold.

mod cluster;
mod image;
mod names;
mod producer_ids;
mod records;

pub(crate) use cluster::{ClusterMetadata, MetadataError, NewTopic};
pub(crate) use image::{MetadataImage, TopicImage};
pub(crate) use names::check_topic_name;
