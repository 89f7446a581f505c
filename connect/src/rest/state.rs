//! What every request sees.

use tokio::sync::watch;

use super::root::Health;
use crate::herder::StandaloneHerder;

/// What every request sees.
#[derive(Clone)]
pub struct RestState {
    /// Who knows the connectors.
    pub herder: StandaloneHerder,
    /// How far the worker is.
    pub health: watch::Receiver<Health>,
}
