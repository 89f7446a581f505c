//! Sends a range of a file to a socket without taking it through this process.
//!
//! A range that is not in the page cache would stop the thread that serves other connections, so
//! it is read by a blocking thread first. Where the system cannot send the file, it is read and
//! written instead.

use std::fs::File;
use std::io;
use std::time::Duration;

use rustix::io::{Errno, ReadWriteFlags};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::log::FileSlice;

/// Most bytes that one call sends, and the unit in which cold ranges are read.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Sends a range of a file.
///
/// # Errors
///
/// What the socket or the file said; `TimedOut` when the client takes nothing for `stall`,
/// `UnexpectedEof` when the file is shorter.
pub(crate) async fn send_slice(
    stream: &mut TcpStream,
    slice: &FileSlice,
    stall: Duration,
) -> io::Result<()> {
    let mut rest = slice.clone();
    while rest.len > 0 {
        let mut chunk = rest.clone();
        chunk.len = rest.len.min(CHUNK_BYTES);
        advance(&mut rest, chunk.len);
        warm(&chunk).await?;
        while chunk.len > 0 {
            let Some(file) = chunk.file.as_file() else {
                copy(stream, chunk, stall).await?;
                break;
            };
            match timeout(stall, send_some(stream, file, chunk.position, chunk.len)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Ok(sent)) => advance(&mut chunk, sent),
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                    copy(stream, chunk, stall).await?;
                    break;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
    Ok(())
}

fn advance(slice: &mut FileSlice, bytes: usize) {
    slice.len -= bytes;
    slice.position += u64::try_from(bytes).unwrap_or(0);
}

async fn send_some(
    stream: &TcpStream,
    file: &File,
    position: u64,
    length: usize,
) -> io::Result<usize> {
    stream
        .async_io(Interest::WRITABLE, || {
            let mut offset = position;
            rustix::fs::sendfile(stream, file, Some(&mut offset), length).map_err(io::Error::from)
        })
        .await
}

/// Reads a range into the page cache when its ends are not there.
async fn warm(slice: &FileSlice) -> io::Result<()> {
    let last = slice.position + u64::try_from(slice.len.saturating_sub(1)).unwrap_or(0);
    let is_warm = slice
        .file
        .as_file()
        .is_none_or(|file| is_cached(file, slice.position) && is_cached(file, last));
    if !is_warm {
        read(slice.clone()).await?;
    }
    Ok(())
}

/// Says whether a byte can be read without waiting for the disk; "yes" where nobody can tell.
fn is_cached(file: &File, position: u64) -> bool {
    let mut byte = [0_u8];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    !matches!(
        rustix::io::preadv2(file, &mut buffers, position, ReadWriteFlags::NOWAIT),
        Err(Errno::AGAIN)
    )
}

async fn read(slice: FileSlice) -> io::Result<bytes::Bytes> {
    let read = tokio::task::spawn_blocking(move || slice.read());
    read.await.map_err(io::Error::other)?.map_err(io::Error::other)
}

async fn copy(stream: &mut TcpStream, slice: FileSlice, stall: Duration) -> io::Result<()> {
    let bytes = read(slice).await?;
    match timeout(stall, stream.write_all(&bytes)).await {
        Ok(written) => written,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
