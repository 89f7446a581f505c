//! Schema → text, member for member as Java's `Schema.toString` writes it.
//!
//! | type | members, in this order |
//! |---|---|
//! | record | type, name, namespace, doc, fields, properties, aliases |
//! | field | name, type, doc, default, order, aliases, properties |
//! | enum | type, name, namespace, doc, symbols, default, properties, aliases |
//! | fixed | type, name, namespace, doc, size, properties, aliases |
//! | array, map | type, items or values, properties |
//! | primitive | its name alone, or type and properties |
//!
//! The namespace is left out where it is the enclosing type's; a map or array encloses nothing.
//! A named type is written out where it is first met and by name after that. Printing keeps its
//! own stack, so depth costs no call frames.

use std::collections::HashSet;

use super::json;
use super::schema::{Enumeration, Field, Fixed, Kind, Name, NodeId, Order, Properties, Schema};

impl Schema {
    /// The text that a registry stores: types of the references appear by name only.
    ///
    /// Corresponds to Java's `toString(references, false)`: what a reference's outermost type is
    /// called is known from the start; types nested in it are written out when used directly.
    #[must_use]
    pub fn canonical_string(&self) -> String {
        let known = self
            .references
            .iter()
            .map(|id| self.node(*id).kind.branch_name())
            .collect::<HashSet<_>>();
        Printer { schema: self, known, out: String::new() }.print(self.root)
    }

    /// The text with all types of the references written out: the format `resolved`.
    #[must_use]
    pub fn resolved_string(&self) -> String {
        self.print_node(self.root)
    }

    /// The text of one node and all that it holds.
    #[must_use]
    pub fn print_node(&self, id: NodeId) -> String {
        Printer { schema: self, known: HashSet::new(), out: String::new() }.print(id)
    }
}

/// What is still to be written, last first.
enum Task<'a> {
    Text(&'static str),
    Type(NodeId, Option<&'a str>),
    /// The beginning of a field up to its type.
    FieldStart(&'a Field),
    /// The rest of a field after its type.
    FieldEnd(&'a Field),
    /// Properties, then aliases, of a named type.
    NamedEnd(NodeId),
    Properties(&'a Properties),
}

struct Printer<'a> {
    schema: &'a Schema,
    known: HashSet<String>,
    out: String,
}

impl<'a> Printer<'a> {
    fn print(mut self, root: NodeId) -> String {
        let mut tasks = vec![Task::Type(root, None)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Text(text) => self.out.push_str(text),
                Task::Type(id, namespace) => {
                    let first = tasks.len();
                    self.node(id, namespace, &mut tasks);
                    tasks[first..].reverse();
                }
                Task::FieldStart(field) => {
                    self.out.push('{');
                    self.text_member("name", &field.name);
                    self.out.push_str(",\"type\":");
                }
                Task::FieldEnd(field) => self.field_end(field),
                Task::NamedEnd(id) => self.named_end(id),
                Task::Properties(properties) => self.properties(properties),
            }
        }
        self.out
    }

    /// Writes what comes first and adds the rest to `tasks`, first to last.
    fn node(&mut self, id: NodeId, enclosing: Option<&'a str>, tasks: &mut Vec<Task<'a>>) {
        let schema = self.schema;
        let node = schema.node(id);
        if let Some(name) = node.kind.name()
            && !self.known.insert(name.full())
        {
            json::write_string(&mut self.out, &name.qualified(enclosing));
            return;
        }
        match &node.kind {
            Kind::Record(record) => {
                let kind = if record.is_error { "error" } else { "record" };
                self.head(kind, &record.name, enclosing, record.doc.as_deref());
                self.out.push_str(",\"fields\":[");
                let inner = record.name.namespace.as_deref();
                for (index, field) in record.fields.iter().enumerate() {
                    if index > 0 {
                        tasks.push(Task::Text(","));
                    }
                    tasks.push(Task::FieldStart(field));
                    tasks.push(Task::Type(field.schema, inner));
                    tasks.push(Task::FieldEnd(field));
                }
                tasks.push(Task::Text("]"));
                tasks.push(Task::NamedEnd(id));
            }
            Kind::Enum(symbols) => {
                self.head("enum", &symbols.name, enclosing, symbols.doc.as_deref());
                self.symbols(symbols);
                tasks.push(Task::NamedEnd(id));
            }
            Kind::Fixed(fixed) => {
                self.fixed(fixed, enclosing);
                tasks.push(Task::NamedEnd(id));
            }
            Kind::Union(branches) => {
                self.out.push('[');
                for (index, branch) in branches.iter().enumerate() {
                    if index > 0 {
                        tasks.push(Task::Text(","));
                    }
                    tasks.push(Task::Type(*branch, enclosing));
                }
                tasks.push(Task::Text("]"));
            }
            Kind::Array(inner) | Kind::Map(inner) => {
                let is_array = matches!(node.kind, Kind::Array(_));
                self.out.push_str(if is_array {
                    "{\"type\":\"array\",\"items\":"
                } else {
                    "{\"type\":\"map\",\"values\":"
                });
                tasks.push(Task::Type(*inner, enclosing));
                tasks.push(Task::Properties(&node.properties));
                tasks.push(Task::Text("}"));
            }
            primitive if node.properties.is_empty() => {
                json::write_string(&mut self.out, primitive.type_name());
            }
            primitive => {
                self.out.push('{');
                self.text_member("type", primitive.type_name());
                self.properties(&node.properties);
                self.out.push('}');
            }
        }
    }

    fn head(&mut self, kind: &str, name: &Name, enclosing: Option<&str>, doc: Option<&str>) {
        self.out.push('{');
        self.text_member("type", kind);
        self.out.push(',');
        self.text_member("name", &name.simple);
        if name.namespace.as_deref() != enclosing {
            self.out.push(',');
            self.text_member("namespace", name.namespace.as_deref().unwrap_or_default());
        }
        if let Some(doc) = doc {
            self.out.push(',');
            self.text_member("doc", doc);
        }
    }

    fn symbols(&mut self, symbols: &Enumeration) {
        self.list("symbols", symbols.symbols.iter().map(String::as_str));
        if let Some(default) = &symbols.default {
            self.out.push(',');
            self.text_member("default", default);
        }
    }

    fn fixed(&mut self, fixed: &Fixed, enclosing: Option<&str>) {
        self.head("fixed", &fixed.name, enclosing, fixed.doc.as_deref());
        self.out.push_str(",\"size\":");
        self.out.push_str(&fixed.size.to_string());
    }

    fn named_end(&mut self, id: NodeId) {
        let node = self.schema.node(id);
        self.properties(&node.properties);
        let namespace = node.kind.name().and_then(|name| name.namespace.as_deref());
        let aliases: Vec<String> =
            node.kind.aliases().iter().map(|alias| alias.qualified(namespace)).collect();
        if !aliases.is_empty() {
            self.list("aliases", aliases.iter().map(String::as_str));
        }
        self.out.push('}');
    }

    fn field_end(&mut self, field: &Field) {
        if let Some(doc) = &field.doc {
            self.out.push(',');
            self.text_member("doc", doc);
        }
        if let Some(default) = &field.default {
            self.out.push_str(",\"default\":");
            json::write(&mut self.out, default);
        }
        if field.order != Order::Ascending {
            self.out.push(',');
            self.text_member("order", field.order.name());
        }
        if !field.aliases.is_empty() {
            self.list("aliases", field.aliases.iter().map(String::as_str));
        }
        self.properties(&field.properties);
        self.out.push('}');
    }

    fn properties(&mut self, properties: &Properties) {
        for (name, value) in properties {
            self.out.push(',');
            json::write_string(&mut self.out, name);
            self.out.push(':');
            json::write(&mut self.out, value);
        }
    }

    fn list<'t>(&mut self, name: &str, items: impl Iterator<Item = &'t str>) {
        self.out.push(',');
        json::write_string(&mut self.out, name);
        self.out.push_str(":[");
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            json::write_string(&mut self.out, item);
        }
        self.out.push(']');
    }

    fn text_member(&mut self, name: &str, value: &str) {
        json::write_string(&mut self.out, name);
        self.out.push(':');
        json::write_string(&mut self.out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::Strictness;
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str) {
        let schema = Schema::parse(text, Strictness::New).unwrap();
        assert_eq!(schema.canonical_string(), printed);
        let again = Schema::parse(printed, Strictness::New).unwrap();
        assert_eq!(again.canonical_string(), printed, "not idempotent");
        assert!(again.equivalent(&schema));
    }

    #[test]
    fn primitives_print_short_unless_they_have_properties() {
        check(r#" "string" "#, r#""string""#);
        check(r#"{"type" : "string"}"#, r#""string""#);
        check(r#"{"type":"null","doc":"dropped"}"#, r#""null""#);
        check(r#"{"connect.type":"int8","type":"int"}"#, r#"{"type":"int","connect.type":"int8"}"#);
        check(
            r#"{"type":"string","avro.java.string":"String"}"#,
            r#"{"type":"string","avro.java.string":"String"}"#,
        );
    }

    #[test]
    fn logical_types_keep_their_members_known_or_not() {
        let decimal = r#"{"type":"bytes","scale":0,"precision":4,"logicalType":"decimal"}"#;
        check(decimal, decimal);
        let unknown = r#"{"type":"long","logicalType":"of-our-own","unit":{"b":1,"a":[2.0]}}"#;
        check(unknown, unknown);
    }

    #[test]
    fn members_take_java_s_order() {
        check(
            r#"{"aliases":["B","x.C","n.D"],"zz":1,"aa":true,"fields":[
                 {"p":1,"aliases":["g"],"order":"DESCENDING","default":1.50,"doc":"d",
                  "type":"double","name":"f"},
                 {"name":"g","type":"int","order":"ascending"}],
                "doc":"about","namespace":"n","name":"A","type":"record"}"#,
            r#"{"type":"record","name":"A","namespace":"n","doc":"about","fields":[{"name":"f","type":"double","doc":"d","default":1.5,"order":"descending","aliases":["g"],"p":1},{"name":"g","type":"int"}],"zz":1,"aa":true,"aliases":["B","x.C","D"]}"#,
        );
        check(
            r#"{"type":"enum","default":"B","symbols":["A","B"],"x":null,"aliases":["F"],"name":"a.E","doc":""}"#,
            r#"{"type":"enum","name":"E","namespace":"a","doc":"","symbols":["A","B"],"default":"B","x":null,"aliases":["F"]}"#,
        );
        check(
            r#"{"size":3,"name":"F","type":"fixed","default":"x","logicalType":"duration"}"#,
            r#"{"type":"fixed","name":"F","size":3,"default":"x","logicalType":"duration"}"#,
        );
        check(
            r#"{"java-class":"L","items":{"type":"map","values":"int","k":1},"type":"array"}"#,
            r#"{"type":"array","items":{"type":"map","values":"int","k":1},"java-class":"L"}"#,
        );
    }

    #[test]
    fn namespace_prints_only_where_it_changes() {
        check(
            r#"{"type":"record","name":"a.R","fields":[
                {"name":"same","type":{"type":"fixed","name":"F","namespace":"a","size":1}},
                {"name":"other","type":{"type":"record","name":"b.S","fields":[
                    {"name":"x","type":"a.F"},{"name":"y","type":["null","R2","a.R"],"default":null}]}},
                {"name":"none","type":{"type":"enum","name":"E","namespace":"","symbols":["X"]}},
                {"name":"again","type":"b.S"},{"name":"plain","type":"E"},{"name":"f","type":"F"}]}"#
                .replace("\"R2\",", "")
                .as_str(),
            r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"same","type":{"type":"fixed","name":"F","size":1}},{"name":"other","type":{"type":"record","name":"S","namespace":"b","fields":[{"name":"x","type":"a.F"},{"name":"y","type":["null","a.R"],"default":null}]}},{"name":"none","type":{"type":"enum","name":"E","namespace":"","symbols":["X"]}},{"name":"again","type":"b.S"},{"name":"plain","type":"E"},{"name":"f","type":"F"}]}"#,
        );
    }

    #[test]
    fn errors_stay_errors_and_names_used_early_are_found() {
        check(
            r#"{"type":"error","name":"E","fields":[{"name":"next","type":["null","E"]}]}"#,
            r#"{"type":"error","name":"E","fields":[{"name":"next","type":["null","E"]}]}"#,
        );
        check(
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Late"},
                {"name":"b","type":{"type":"fixed","name":"Late","size":2}}]}"#,
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"Late","size":2}},{"name":"b","type":"Late"}]}"#,
        );
    }

    #[test]
    fn types_of_references_print_by_name_or_resolved() {
        let key = r#"{"type":"record","name":"n.Key","fields":[{"name":"id","type":{"type":"fixed","name":"Id","size":4}}]}"#;
        let text = r#"{"type":"record","name":"n.R","fields":[{"name":"k","type":"Key"},{"name":"i","type":"n.Id"}]}"#;
        let schema = Schema::parse_with_references(text, &[key], Strictness::New).unwrap();
        assert_eq!(
            schema.canonical_string(),
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"k","type":"Key"},{"name":"i","type":{"type":"fixed","name":"Id","size":4}}]}"#
        );
        assert_eq!(
            schema.resolved_string(),
            r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"k","type":{"type":"record","name":"Key","fields":[{"name":"id","type":{"type":"fixed","name":"Id","size":4}}]}},{"name":"i","type":"Id"}]}"#
        );
        let inline = Schema::parse(&schema.resolved_string(), Strictness::New).unwrap();
        assert!(inline.equivalent(&schema));
        assert_ne!(inline.canonical_string(), schema.canonical_string());
    }

    #[test]
    fn chain_of_named_types_prints_without_depth_on_the_stack() {
        let links: Vec<String> = (0..20_000)
            .map(|n| {
                let next =
                    if n == 19_999 { "\"int\"".to_owned() } else { format!("\"R{}\"", n + 1) };
                format!(
                    r#"{{"type":"record","name":"R{n}","fields":[{{"name":"x","type":{next}}}]}}"#
                )
            })
            .collect();
        let text = format!("[{}]", links.join(","));
        let schema = Schema::parse(&text, Strictness::New).unwrap();
        let printed = schema.canonical_string();
        assert!(printed.contains("R19999"));
        assert!(schema.equivalent(&schema.clone()));
        assert!(schema.parsing_canonical_form().contains("R19999"));
    }
}
