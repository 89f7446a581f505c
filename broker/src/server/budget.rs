//! Bytes of requests that may be in memory at once, over all connections.
//!
//! A connection asks for more as its frame arrives, never for what the frame merely claims. When
//! nothing is left, one connection at a time may go on without asking, up to one whole frame, so
//! that connections that each hold half a frame cannot block each other for ever. The most that
//! can be in memory is the budget and one frame of the largest size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// The bytes that are left.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
    limit: usize,
    beyond: Arc<Mutex<()>>,
    waiting: AtomicUsize,
}

/// One that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes that one request holds; given back on drop.
#[derive(Debug, Default)]
pub(crate) struct Share {
    permit: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedMutexGuard<()>>,
    size: usize,
}

impl Share {
    /// Says whether `size` bytes may be used.
    pub(crate) fn covers(&self, size: usize) -> bool {
        self.beyond.is_some() || self.size >= size
    }
}

impl Budget {
    /// Makes a budget of `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            bytes: Arc::new(Semaphore::new(limit)),
            limit,
            beyond: Arc::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Grows a share to `size` bytes, waiting for others to give back what they hold.
    ///
    /// # Cancellation
    ///
    /// The share is unchanged.
    pub(crate) async fn grow(&self, share: &mut Share, size: usize) {
        if share.covers(size) {
            return;
        }
        let more = u32::try_from((size - share.size).min(self.limit)).unwrap_or(u32::MAX);
        let _waiting = Waiting::new(&self.waiting);
        tokio::select! {
            biased;
            permit = Arc::clone(&self.bytes).acquire_many_owned(more) => {
                let permit = permit.expect("the budget's semaphore is never closed");
                match &mut share.permit {
                    Some(held) => held.merge(permit),
                    none => *none = Some(permit),
                }
                share.size = size;
            }
            guard = Arc::clone(&self.beyond).lock_owned() => share.beyond = Some(guard),
        }
    }

    /// Says whether somebody waits for bytes that others hold.
    pub(crate) fn is_contended(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// The bytes that nobody holds.
    #[cfg(test)]
    fn left(&self) -> usize {
        self.bytes.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_share_is_given_back() {
        let budget = Budget::new(100);
        let mut share = Share::default();
        budget.grow(&mut share, 60).await;
        budget.grow(&mut share, 40).await;
        assert_eq!(budget.left(), 40);
        drop(share);
        assert_eq!(budget.left(), 100);
    }

    #[tokio::test]
    async fn one_at_a_time_goes_beyond() {
        let budget = Budget::new(100);
        let (mut first, mut second, mut third) =
            (Share::default(), Share::default(), Share::default());
        budget.grow(&mut first, 100).await;
        budget.grow(&mut second, 1000).await;
        assert!(second.covers(usize::MAX));
        let wait = Duration::from_millis(20);
        assert!(tokio::time::timeout(wait, budget.grow(&mut third, 10)).await.is_err());
        drop(second);
        budget.grow(&mut third, 10).await;
        assert!(third.covers(10));
    }
}
