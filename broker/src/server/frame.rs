//! Frames: a length of four bytes, and as many bytes of request.
//!
//! Memory follows what has arrived: a frame that claims 100 MB and sends 100 bytes holds some
//! kilobytes. A silent connection holds no buffer at all.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::budget::{Budget, Share};

/// What is read at once while a frame's size is unknown, and held without asking the budget.
const FIRST_READ_BYTES: usize = 32 * 1024;

/// How long a frame may stop while others wait for the memory that it holds.
const CONTENDED_STALL: Duration = Duration::from_secs(1);

/// Least bytes a second of a frame that holds memory which others wait for, once it has been
/// arriving for as long as it may stop: a trickle must not hold it for ever.
const CONTENDED_BYTES_PER_SECOND: u64 = 128 * 1024;

/// How much a buffer grows in relation to what has arrived.
const GROWTH: usize = 4;

/// The shortest request: key, version, correlation id.
const MIN_REQUEST_BYTES: usize = 8;

/// A request as it came, and the memory it is charged for.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Header and body, without the length.
    pub(crate) bytes: Bytes,
    /// What the request holds of the budget; give it back by dropping.
    pub(crate) share: Share,
}

/// Why no frame comes any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The client closed the connection between two frames.
    #[error("closed")]
    Closed,
    /// The client closed the connection inside a frame.
    #[error("closed inside a frame, after {arrived} of {expected} bytes")]
    Truncated { arrived: usize, expected: usize },
    /// The length is negative, too small for a header, or above the limit.
    #[error("frame of {length} bytes, limit {limit}")]
    Length { length: i32, limit: usize },
    /// Nothing came for too long.
    #[error("silent for {0:?}")]
    Idle(Duration),
    /// A frame began to arrive and stopped.
    #[error("frame stopped after {arrived} of {expected} bytes")]
    Stalled { arrived: usize, expected: usize },
    /// The socket failed.
    #[error("read: {0}")]
    Io(#[from] io::Error),
}

/// Limits of one connection's frames.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameLimits {
    /// Largest frame in bytes.
    pub(crate) max_bytes: usize,
    /// How long a connection may be silent between frames.
    pub(crate) max_idle: Duration,
    /// How long nothing may arrive inside a frame.
    pub(crate) stall: Duration,
}

/// Splits what a connection sends into frames.
#[derive(Debug)]
pub(crate) struct FrameReader {
    limits: FrameLimits,
    buffer: BytesMut,
    share: Share,
    /// How long the frame at the front was waited for, bytes of it arriving.
    receiving: Duration,
}

impl FrameReader {
    /// Begins at the start of a connection.
    pub(crate) fn new(limits: FrameLimits) -> Self {
        Self { limits, buffer: BytesMut::new(), share: Share::default(), receiving: Duration::ZERO }
    }

    /// Reads the next frame.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: the connection is to be closed.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost: what has arrived stays in the reader.
    pub(crate) async fn next(
        &mut self,
        stream: &mut TcpStream,
        budget: &Budget,
    ) -> Result<Frame, FrameError> {
        loop {
            let expected = self.expected()?;
            if let Some(size) = expected {
                if self.buffer.len() >= size {
                    return Ok(self.take(size));
                }
                if budget.is_contended() && self.is_a_trickle() {
                    return Err(FrameError::Stalled { arrived: self.buffer.len(), expected: size });
                }
                self.prepare(size, budget).await;
                self.fill_frame(stream, size, budget).await?;
            } else {
                self.fill_first(stream).await?;
            }
        }
    }

    /// The size of the frame at the front with its length, once that is known.
    fn expected(&self) -> Result<Option<usize>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = i32::from_be_bytes(*prefix);
        let limit = self.limits.max_bytes;
        match usize::try_from(length) {
            Ok(size) if (MIN_REQUEST_BYTES..=limit).contains(&size) => Ok(Some(size + 4)),
            _ => Err(FrameError::Length { length, limit }),
        }
    }

    fn take(&mut self, size: usize) -> Frame {
        let mut frame = self.buffer.split_to(size);
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        self.receiving = Duration::ZERO;
        frame.advance(4);
        Frame { bytes: frame.freeze(), share: std::mem::take(&mut self.share) }
    }

    fn is_a_trickle(&self) -> bool {
        let least = u128::from(CONTENDED_BYTES_PER_SECOND) * self.receiving.as_millis() / 1000;
        self.receiving > self.limits.stall && (self.buffer.len() as u128) < least
    }

    /// Makes room for more of a frame whose size is known.
    async fn prepare(&mut self, size: usize, budget: &Budget) {
        if self.buffer.len() < self.buffer.capacity() {
            return;
        }
        let room = size.min(self.buffer.len().saturating_mul(GROWTH)).max(FIRST_READ_BYTES);
        if room > FIRST_READ_BYTES {
            budget.grow(&mut self.share, room).await;
        }
        self.buffer.reserve(room - self.buffer.len());
    }

    /// Reads the beginning of a frame; before it, no buffer is held.
    async fn fill_first(&mut self, stream: &TcpStream) -> Result<(), FrameError> {
        let begun = !self.buffer.is_empty();
        let patience = if begun { self.limits.stall } else { self.limits.max_idle };
        let deadline = Instant::now() + patience;
        loop {
            match timeout_at(deadline, stream.readable()).await {
                Ok(ready) => ready?,
                Err(_) if begun => {
                    return Err(FrameError::Stalled { arrived: self.buffer.len(), expected: 4 });
                }
                Err(_) => return Err(FrameError::Idle(patience)),
            }
            self.buffer.reserve(FIRST_READ_BYTES);
            match stream.try_read_buf(&mut self.buffer) {
                Ok(0) if begun => {
                    return Err(FrameError::Truncated { arrived: self.buffer.len(), expected: 4 });
                }
                Ok(0) => return Err(FrameError::Closed),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !begun {
                        self.buffer = BytesMut::new();
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn fill_frame(
        &mut self,
        stream: &mut TcpStream,
        size: usize,
        budget: &Budget,
    ) -> Result<(), FrameError> {
        let begun = Instant::now();
        let deadline = begun + self.limits.stall;
        let arrived = self.buffer.len();
        loop {
            let patience = deadline.min(Instant::now() + CONTENDED_STALL);
            match timeout_at(patience, stream.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(FrameError::Truncated { arrived, expected: size }),
                Ok(Ok(_)) => {
                    self.receiving += begun.elapsed();
                    return Ok(());
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if Instant::now() >= deadline || budget.is_contended() => {
                    return Err(FrameError::Stalled { arrived, expected: size });
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: FrameLimits = FrameLimits {
        max_bytes: 1_000_000,
        max_idle: Duration::from_millis(100),
        stall: Duration::from_millis(100),
    };

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    fn frame(size: usize) -> Vec<u8> {
        let mut bytes = u32::try_from(size).unwrap().to_be_bytes().to_vec();
        bytes.resize(size + 4, 7);
        bytes
    }

    async fn read(sent: &[u8]) -> Result<usize, FrameError> {
        let (mut client, mut server) = pair().await;
        client.write_all(sent).await.unwrap();
        let mut reader = FrameReader::new(LIMITS);
        let budget = Budget::new(10_000_000);
        reader.next(&mut server, &budget).await.map(|frame| frame.bytes.len())
    }

    #[tokio::test]
    async fn frames_of_any_size_come_in_order() {
        let (mut client, mut server) = pair().await;
        let sizes = [8, 40, 100_000, 9, 1_000_000, 12];
        let sent: Vec<u8> = sizes.iter().flat_map(|size| frame(*size)).collect();
        let writer = tokio::spawn(async move {
            client.write_all(&sent).await.unwrap();
            client
        });
        let mut reader = FrameReader::new(LIMITS);
        let budget = Budget::new(10_000_000);
        for size in sizes {
            let frame = reader.next(&mut server, &budget).await.unwrap();
            assert_eq!(frame.bytes.len(), size);
        }
        drop(writer.await.unwrap());
        assert!(matches!(reader.next(&mut server, &budget).await, Err(FrameError::Closed)));
    }

    #[tokio::test]
    async fn a_wrong_length_is_refused_before_anything_is_read() {
        for length in [0_i32, 7, -1, i32::MIN, i32::MAX, 1_000_001] {
            let error = read(&length.to_be_bytes()).await.unwrap_err();
            assert!(matches!(error, FrameError::Length { .. }), "{length}: {error}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_stops_is_stalled_and_a_silent_connection_idle() {
        let error = read(&frame(500)[..100]).await.unwrap_err();
        assert!(matches!(error, FrameError::Stalled { arrived: 100, expected: 504 }), "{error}");
        assert!(matches!(read(&[]).await.unwrap_err(), FrameError::Idle(_)));
    }

    #[tokio::test]
    async fn a_trickle_does_not_hold_what_others_wait_for() {
        let (mut client, mut server) = pair().await;
        let budget = std::sync::Arc::new(Budget::new(100));
        let (mut all, mut beyond) = (Share::default(), Share::default());
        budget.grow(&mut all, 100).await;
        budget.grow(&mut beyond, 1).await;
        let waiting = std::sync::Arc::clone(&budget);
        let waiting = tokio::spawn(async move { waiting.grow(&mut Share::default(), 1).await });
        let trickle = tokio::spawn(async move {
            for byte in frame(1_000_000) {
                if client.write_all(&[byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let mut reader = FrameReader::new(LIMITS);
        let read = reader.next(&mut server, &budget);
        let error = tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap_err();
        assert!(matches!(error, FrameError::Stalled { .. }), "{error}");
        drop(server);
        trickle.await.unwrap();
        waiting.abort();
    }

    #[tokio::test]
    async fn memory_follows_what_arrives() {
        let (mut client, mut server) = pair().await;
        client.write_all(&frame(1_000_000)[..100]).await.unwrap();
        let mut reader = FrameReader::new(LIMITS);
        let budget = Budget::new(10_000_000);
        assert!(reader.next(&mut server, &budget).await.is_err());
        assert!(reader.buffer.capacity() < 100_000, "{}", reader.buffer.capacity());
    }
}
