//! Plug-ins: connectors, converters, transforms and predicates, known by Java class names.
//!
//! | file | holds |
//! |---|---|
//! | `registry.rs` | what there is, found by name |
//! | `alias.rs` | which short names mean a class |
//! | `builtin.rs` | what ships with the worker; the only place that names concrete plug-ins |

pub mod alias;
pub mod builtin;
pub mod registry;

pub use registry::{Factory, Plugin, PluginKind, PluginRegistry, UnknownPlugin};
