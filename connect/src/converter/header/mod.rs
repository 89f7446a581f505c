//! Header converters: the bytes of a record header ⇄ a value with its schema.
//!
//! | module | holds |
//! |---|---|
//! | [`simple`] | `SimpleHeaderConverter`: text, read back by guessing its type |
//! | [`guess`] | the guess: numbers, dates, lists, maps, else a string |
//! | [`adapter`] | any [`connect_api::Converter`] as a header converter |

pub mod adapter;
pub mod guess;
pub mod simple;

pub use adapter::HeaderAdapter;
pub use simple::SimpleHeaderConverter;
