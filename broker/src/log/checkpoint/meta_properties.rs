//! Whose log directory it is: `meta.properties`.
//!
//! Java properties with `version` (1), `cluster.id`, `node.id` and `directory.id`; version 0
//! has `broker.id` in place of `node.id`. Layout of Apache Kafka's `MetaProperties`.

use std::{io, path::Path};

use config::properties::{Properties, PropertiesError};
use protocol::Uuid;

use super::super::file_system::{FileSystem, read_small_file, replace_file};

/// Name of the file in a log directory.
pub(in super::super) const FILE_NAME: &str = "meta.properties";

/// Why a log directory is not ours to use.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The file could not be read or written.
    #[error("file is not usable")]
    Io(#[from] io::Error),
    /// The file is not in the properties format.
    #[error("file is malformed")]
    Properties(#[from] PropertiesError),
    /// A later release made the directory.
    #[error("version {found} is not known: the directory was made by a newer release")]
    Version {
        /// The version in the file.
        found: String,
    },
    /// A key is missing or has no number where one must be.
    #[error("key `{key}` is missing or malformed")]
    Key {
        /// The key.
        key: &'static str,
    },
    /// The directory was made by another node.
    #[error("directory belongs to node {found}, this is node {expected}")]
    Node {
        /// The node in the file.
        found: i32,
        /// The node that opens the directory.
        expected: i32,
    },
    /// The directory was made in another cluster.
    #[error("directory belongs to cluster {found}, this is cluster {expected}")]
    Cluster {
        /// The cluster in the file.
        found: String,
        /// The cluster that was asked for.
        expected: String,
    },
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct MetaProperties {
    pub cluster_id: String,
    pub node_id: i32,
    pub directory_id: Option<Uuid>,
}

impl MetaProperties {
    /// Reads the file and compares it with who asks, or writes it for a new directory.
    pub(in super::super) fn read_or_create(
        fs: &dyn FileSystem,
        dir: &Path,
        node_id: i32,
        cluster_id: Option<&str>,
    ) -> Result<Self, MetaError> {
        let path = dir.join(FILE_NAME);
        let content = match read_small_file(fs, &path, 1 << 20) {
            Ok(content) if !content.is_empty() => content,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {
                let cluster_id =
                    cluster_id.map_or_else(|| Uuid::random().to_string(), str::to_owned);
                let made = Self { cluster_id, node_id, directory_id: Some(Uuid::random()) };
                replace_file(fs, &path, made.to_text().as_bytes())?;
                return Ok(made);
            }
        };
        let found = Self::parse(&content)?;
        if found.node_id != node_id {
            return Err(MetaError::Node { found: found.node_id, expected: node_id });
        }
        match cluster_id {
            Some(expected) if expected != found.cluster_id => {
                Err(MetaError::Cluster { found: found.cluster_id, expected: expected.to_owned() })
            }
            _ => Ok(found),
        }
    }

    fn parse(content: &[u8]) -> Result<Self, MetaError> {
        let properties = Properties::parse(content)?;
        let node_key = match properties.get("version").map(str::trim) {
            Some("0") => "broker.id",
            Some("1") => "node.id",
            Some(other) => return Err(MetaError::Version { found: other.to_owned() }),
            None => return Err(MetaError::Key { key: "version" }),
        };
        let node_id = properties.get(node_key).and_then(|text| text.trim().parse().ok());
        let cluster_id = properties.get("cluster.id").map(|text| text.trim().to_owned());
        let directory_id = match properties.get("directory.id") {
            Some(text) => {
                Some(text.trim().parse().map_err(|_| MetaError::Key { key: "directory.id" })?)
            }
            None => None,
        };
        Ok(Self {
            cluster_id: cluster_id.ok_or(MetaError::Key { key: "cluster.id" })?,
            node_id: node_id.ok_or(MetaError::Key { key: node_key })?,
            directory_id,
        })
    }

    fn to_text(&self) -> String {
        let directory_id =
            self.directory_id.map_or_else(String::new, |id| format!("directory.id={id}\n"));
        format!(
            "cluster.id={}\n{directory_id}node.id={}\nversion=1\n",
            self.cluster_id, self.node_id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::file_system::OsFileSystem, *};

    #[test]
    fn new_directory_gets_a_file_that_later_opens_agree_with() {
        let dir = tempfile::tempdir().unwrap();
        let made = MetaProperties::read_or_create(&OsFileSystem, dir.path(), 3, None).unwrap();
        let again = MetaProperties::read_or_create(&OsFileSystem, dir.path(), 3, None).unwrap();
        assert_eq!(made, again);
        let other = MetaProperties::read_or_create(&OsFileSystem, dir.path(), 4, None);
        assert!(matches!(other, Err(MetaError::Node { found: 3, expected: 4 })));
        let other = MetaProperties::read_or_create(&OsFileSystem, dir.path(), 3, Some("else"));
        assert!(matches!(other, Err(MetaError::Cluster { .. })));
    }

    #[track_caller]
    fn check_refused(content: &str, expected: &str) {
        let error = MetaProperties::parse(content.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn file_of_a_newer_release_is_refused() {
        check_refused(
            "version=2\n",
            "version 2 is not known: the directory was made by a newer release",
        );
        check_refused("node.id=1\n", "key `version` is missing or malformed");
        check_refused(
            "version=1\nnode.id=x\ncluster.id=c\n",
            "key `node.id` is missing or malformed",
        );
    }

    #[test]
    fn file_of_an_older_release_names_the_broker_id() {
        let found = MetaProperties::parse(b"version=0\nbroker.id=7\ncluster.id=abc\n").unwrap();
        assert_eq!((found.node_id, found.cluster_id.as_str()), (7, "abc"));
    }
}
