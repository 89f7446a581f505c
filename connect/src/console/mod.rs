//! What a person at the terminal sees: the first screen, one live line per connector, the log.
//!
//! | file | holds |
//! |---|---|
//! | `screen.rs` | the terminal: live lines below, everything else scrolls above |
//! | `first_screen.rs`, `live_line.rs` | the texts; pure |
//! | `reporter.rs` | the thread that keeps the live lines up to date |
//! | `log.rs` | the log, on standard error |

pub mod first_screen;
pub mod live_line;
pub mod log;
pub mod reporter;
pub mod screen;
