//! Responses: what a handler gives back, its encoding, and its way into the socket.

use std::io;
use std::time::Duration;

use protocol::header::response_frame;
use protocol::{ApiKey, EncodeError, Encoded, Message, Part};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::sendfile::send_slice;
use crate::log::FileSlice;

/// What a handler gives back.
#[derive(Debug)]
pub(crate) enum Reply<R> {
    /// A response.
    Answer(R),
    /// A response whose `Records::External` ids are indexes of these ranges.
    WithFiles(R, Vec<FileSlice>),
    /// Nothing: the request wants no response.
    Silence,
    /// The connection is closed: the only way to report an error of a request without response.
    Close,
}

/// What can be the result of a handler.
pub(crate) trait IntoReply {
    /// The response's message.
    type Response: Message;
    /// Makes it a reply.
    fn into_reply(self) -> Reply<Self::Response>;
}

impl<R: Message> IntoReply for R {
    type Response = R;

    fn into_reply(self) -> Reply<R> {
        Reply::Answer(self)
    }
}

impl<R: Message> IntoReply for Reply<R> {
    type Response = R;

    fn into_reply(self) -> Self {
        self
    }
}

/// A response that is ready for the socket.
#[derive(Debug)]
pub(crate) struct Outgoing {
    frame: Encoded,
    files: Vec<FileSlice>,
}

impl From<Encoded> for Outgoing {
    fn from(frame: Encoded) -> Self {
        Self { frame, files: Vec::new() }
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Send this.
    Send(Outgoing),
    /// Send nothing.
    Silence,
    /// Close the connection.
    Close,
}

/// Encodes a handler's reply.
///
/// # Errors
///
/// [`EncodeError`] when the response does not fit its version: a mistake of the handler.
pub(crate) fn encode<R: Message>(
    reply: Reply<R>,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<Outcome, EncodeError> {
    let (response, files) = match reply {
        Reply::Answer(response) => (response, Vec::new()),
        Reply::WithFiles(response, files) => (response, files),
        Reply::Silence => return Ok(Outcome::Silence),
        Reply::Close => return Ok(Outcome::Close),
    };
    let frame = response_frame(&response, key, version, correlation_id)?;
    Ok(Outcome::Send(Outgoing { frame, files }))
}

impl Outgoing {
    /// Writes the response.
    ///
    /// # Errors
    ///
    /// What the socket said; `TimedOut` when the client takes nothing for `stall`.
    pub(crate) async fn send(&self, stream: &mut TcpStream, stall: Duration) -> io::Result<()> {
        let mut parts = self.frame.parts.iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Bytes(bytes) => {
                    let flags = if parts.peek().is_some() {
                        SendFlags::NOSIGNAL | SendFlags::MORE
                    } else {
                        SendFlags::NOSIGNAL
                    };
                    send_bytes(stream, bytes, flags, stall).await?;
                }
                Part::External { id, .. } => {
                    let slice = self.files.get(*id).ok_or(io::ErrorKind::InvalidData)?;
                    send_slice(stream, slice, stall).await?;
                }
            }
        }
        Ok(())
    }
}

async fn send_bytes(
    stream: &TcpStream,
    mut bytes: &[u8],
    flags: SendFlags,
    stall: Duration,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let sending = stream.async_io(Interest::WRITABLE, || {
            rustix::net::send(stream, bytes, flags).map_err(io::Error::from)
        });
        match timeout(stall, sending).await {
            Ok(sent) => bytes = &bytes[sent?..],
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    Ok(())
}
