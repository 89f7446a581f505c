//! Whether two schemas are the same but for layout and for where their types are written.
//!
//! Java's `Schema.equals` looks at names, fields, defaults, order and properties; the registry
//! adds docs, aliases and the defaults of enums. Properties and aliases have no order here.

use std::collections::{BTreeSet, HashSet};

use super::schema::{Field, Kind, Name, NodeId, Schema};

/// What counts as a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// What Java Avro's `equals` compares.
    Type,
    /// That, and docs, aliases, defaults of enums.
    Everything,
}

impl Schema {
    /// Tells whether two schemas differ in layout only; types of references count as if written
    /// in place.
    #[must_use]
    pub fn equivalent(&self, other: &Self) -> bool {
        same((self, self.root), (other, other.root), Depth::Everything)
    }
}

/// Tells whether two types of one schema are equal by Java Avro's `equals`.
pub(super) fn same_type(schema: &Schema, one: NodeId, two: NodeId) -> bool {
    same((schema, one), (schema, two), Depth::Type)
}

fn same(left: (&Schema, NodeId), right: (&Schema, NodeId), depth: Depth) -> bool {
    let mut seen = HashSet::new();
    let mut todo = vec![(left.1, right.1)];
    while let Some((one, two)) = todo.pop() {
        if !seen.insert((one, two)) {
            continue;
        }
        let (a, b) = (left.0.node(one), right.0.node(two));
        let children = (a.kind.children(), b.kind.children());
        if a.properties != b.properties
            || children.0.len() != children.1.len()
            || !same_kind(&a.kind, &b.kind, depth)
        {
            return false;
        }
        todo.extend(children.0.into_iter().zip(children.1));
    }
    true
}

/// Compares two types without what they hold.
fn same_kind(a: &Kind, b: &Kind, depth: Depth) -> bool {
    if a.type_name() != b.type_name() || a.name() != b.name() {
        return false;
    }
    if depth == Depth::Everything && (a.doc() != b.doc() || set(a.aliases()) != set(b.aliases())) {
        return false;
    }
    match (a, b) {
        (Kind::Record(a), Kind::Record(b)) => {
            a.fields.iter().zip(&b.fields).all(|(a, b)| same_field(a, b, depth))
        }
        (Kind::Enum(a), Kind::Enum(b)) => {
            a.symbols == b.symbols && (depth == Depth::Type || a.default == b.default)
        }
        (Kind::Fixed(a), Kind::Fixed(b)) => a.size == b.size,
        _ => true,
    }
}

fn same_field(a: &Field, b: &Field, depth: Depth) -> bool {
    a.name == b.name
        && a.default == b.default
        && a.order == b.order
        && a.properties == b.properties
        && (depth == Depth::Type
            || (a.doc == b.doc
                && a.aliases.iter().collect::<BTreeSet<_>>()
                    == b.aliases.iter().collect::<BTreeSet<_>>()))
}

fn set(names: &[Name]) -> BTreeSet<&Name> {
    names.iter().collect()
}
