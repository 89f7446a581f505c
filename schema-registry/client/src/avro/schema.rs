//! The model of an Avro schema: a graph of nodes that keeps all that was written.
//!
//! A schema owns its nodes; a [`NodeId`] is the identity of one, as an object is in Java. Named
//! types are nodes that several others may point to, so recursion is a cycle in the graph.
//! Invariants: every id points into `nodes`; a union never holds a union; full names of named
//! types that are reachable from the root are unique.

use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

/// Custom members of a schema or field, in the order written; logical types are among them.
pub type Properties = IndexMap<String, Value>;

/// Identity of a node inside one [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    pub(super) fn index(self) -> usize {
        usize::try_from(self.0).expect("a node id was made from a vector's index")
    }
}

/// An Avro schema with everything that it refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// Roots of the texts that this schema refers to, in their order.
    pub(super) references: Vec<NodeId>,
}

impl Schema {
    /// The outermost type.
    #[must_use]
    pub fn root(&self) -> &Node {
        self.node(self.root)
    }

    /// Identity of the outermost type.
    #[must_use]
    pub const fn root_id(&self) -> NodeId {
        self.root
    }

    /// The node with an id that this schema gave.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Number of nodes, those of the references included.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Full name of the outermost type; none when it is not a record, as in Java's registry.
    #[must_use]
    pub fn record_name(&self) -> Option<String> {
        match &self.root().kind {
            Kind::Record(record) => Some(record.name.full()),
            _ => None,
        }
    }
}

/// One type in a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What type it is, with all that the type needs.
    pub kind: Kind,
    /// Custom members; always empty for a union.
    pub properties: Properties,
}

impl Node {
    /// The name of the logical type, known or not.
    #[must_use]
    pub fn logical_type(&self) -> Option<&str> {
        self.properties.get("logicalType").and_then(Value::as_str)
    }

    /// A custom member that is text.
    #[must_use]
    pub fn text_property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }
}

/// The type of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// No value.
    Null,
    /// True or false.
    Boolean,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// 32-bit float.
    Float,
    /// 64-bit float.
    Double,
    /// Bytes.
    Bytes,
    /// Text.
    String,
    /// Values of one type.
    Array(NodeId),
    /// Text keys to values of one type.
    Map(NodeId),
    /// One of several types.
    Union(Vec<NodeId>),
    /// Named fields.
    Record(Record),
    /// One of several symbols.
    Enum(Enumeration),
    /// Bytes of one length.
    Fixed(Fixed),
}

impl Kind {
    /// Name of the type in a schema's text; a record's is `record` even for errors.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
            Self::Enum(_) => "enum",
            Self::Fixed(_) => "fixed",
        }
    }

    /// The primitive type of a name.
    #[must_use]
    pub fn primitive(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Boolean,
            "int" => Self::Int,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "bytes" => Self::Bytes,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// Name of a record, enum or fixed.
    #[must_use]
    pub const fn name(&self) -> Option<&Name> {
        match self {
            Self::Record(record) => Some(&record.name),
            Self::Enum(symbols) => Some(&symbols.name),
            Self::Fixed(fixed) => Some(&fixed.name),
            _ => None,
        }
    }

    /// Other names of a record, enum or fixed; empty for other types.
    #[must_use]
    pub fn aliases(&self) -> &[Name] {
        match self {
            Self::Record(record) => &record.aliases,
            Self::Enum(symbols) => &symbols.aliases,
            Self::Fixed(fixed) => &fixed.aliases,
            _ => &[],
        }
    }

    /// Documentation of a record, enum or fixed.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        match self {
            Self::Record(record) => record.doc.as_deref(),
            Self::Enum(symbols) => symbols.doc.as_deref(),
            Self::Fixed(fixed) => fixed.doc.as_deref(),
            _ => None,
        }
    }

    /// What tells two branches of a union apart: the full name, or the type's name.
    #[must_use]
    pub fn branch_name(&self) -> String {
        self.name().map_or_else(|| self.type_name().to_owned(), Name::full)
    }

    /// Types that a value of this type directly holds, in order.
    #[must_use]
    pub fn children(&self) -> Vec<NodeId> {
        match self {
            Self::Array(inner) | Self::Map(inner) => vec![*inner],
            Self::Union(branches) => branches.clone(),
            Self::Record(record) => record.fields.iter().map(|field| field.schema).collect(),
            _ => Vec::new(),
        }
    }
}

/// A record or an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name and namespace.
    pub name: Name,
    /// Other names, in the order written.
    pub aliases: Vec<Name>,
    /// Documentation; empty text is kept.
    pub doc: Option<String>,
    /// Fields in order.
    pub fields: Vec<Field>,
    /// Written as `"type":"error"`.
    pub is_error: bool,
}

impl Record {
    /// Finds a field by its own name, not by an alias.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name, unique in the record.
    pub name: String,
    /// Type.
    pub schema: NodeId,
    /// Documentation; empty text is kept.
    pub doc: Option<String>,
    /// Value for readers of data that lack the field; JSON null is a default like others.
    pub default: Option<Value>,
    /// How records sort by this field.
    pub order: Order,
    /// Other names, in the order written.
    pub aliases: Vec<String>,
    /// Custom members.
    pub properties: Properties,
}

/// How records sort by a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Small first.
    #[default]
    Ascending,
    /// Large first.
    Descending,
    /// Not at all.
    Ignore,
}

impl Order {
    /// Name in a schema's text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Ignore => "ignore",
        }
    }
}

/// An enum.
#[derive(Debug, Clone, PartialEq)]
pub struct Enumeration {
    /// Name and namespace.
    pub name: Name,
    /// Other names, in the order written.
    pub aliases: Vec<Name>,
    /// Documentation; empty text is kept.
    pub doc: Option<String>,
    /// Symbols in order.
    pub symbols: Vec<String>,
    /// Symbol that stands for those a reader does not know.
    pub default: Option<String>,
}

/// Bytes of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// Name and namespace.
    pub name: Name,
    /// Other names, in the order written.
    pub aliases: Vec<Name>,
    /// Documentation; empty text is kept.
    pub doc: Option<String>,
    /// Length in bytes.
    pub size: usize,
}

/// Name of a record, enum or fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The part after the last dot.
    pub simple: String,
    /// The part before the last dot; never empty.
    pub namespace: Option<String>,
}

impl Name {
    /// Splits a name at its last dot; one without a dot takes the given namespace.
    #[must_use]
    pub fn new(text: &str, namespace: Option<&str>) -> Self {
        let (namespace, simple) = match text.rsplit_once('.') {
            Some((namespace, simple)) => (Some(namespace), simple),
            None => (namespace, text),
        };
        Self {
            simple: simple.to_owned(),
            namespace: namespace.filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    /// Namespace and name with a dot between.
    #[must_use]
    pub fn full(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{}", self.simple),
            None => self.simple.clone(),
        }
    }

    /// How the name is written where the given namespace is the enclosing one.
    ///
    /// A simple name that is a type's is written in full, or it would read as that type.
    #[must_use]
    pub fn qualified(&self, enclosing: Option<&str>) -> String {
        let same = self.namespace.is_some() && self.namespace.as_deref() == enclosing;
        if same && !is_type_name(&self.simple) { self.simple.clone() } else { self.full() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full())
    }
}

fn is_type_name(name: &str) -> bool {
    Kind::primitive(name).is_some()
        || matches!(name, "record" | "enum" | "array" | "map" | "union" | "fixed")
}
