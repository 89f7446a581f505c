//! The server as a whole: start and stop, and clients that mean harm.

mod hostile;
mod lifecycle;
