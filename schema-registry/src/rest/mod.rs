//! The REST interface: routes, bodies, media types, error codes.
//!
//! | module | serves |
//! |---|---|
//! | [`root`] | `/`, `/v1/metadata/…`, `/contexts`, `/master_available` |
//! | [`subjects`] | `/subjects`, `/subjects/{subject}` |
//! | [`versions`] | `/subjects/{subject}/versions…` |
//! | [`schemas`] | `/schemas…` |
//! | [`compatibility`] | `/compatibility…` |
//! | [`config`] | `/config…` |
//! | [`mode`] | `/mode…` |
//! | [`negotiation`] | media types, trailing slashes: around all routes |
//! | [`body`], [`query`], [`answer`], [`error`] | what goes in and out |
//! | [`listener`], [`router`] | addresses; all routes together |

pub mod answer;
pub mod body;
pub mod compatibility;
pub mod config;
pub mod error;
pub mod listener;
pub mod mode;
pub mod negotiation;
pub mod query;
pub mod root;
pub mod router;
pub mod schemas;
pub mod subjects;
pub mod versions;
