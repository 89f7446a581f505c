//! Sockets, frames, budgets, and the table from API key to handler.

mod accept;
mod budget;
mod connection;
mod dispatch;
mod frame;
mod old_produce;
mod response;
mod sendfile;

pub(crate) use accept::{Listening, Server, bind, serve};
pub use dispatch::api_versions_table;
pub(crate) use response::Reply;
