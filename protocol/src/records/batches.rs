//! Walking over the batches of a log or a message, without looking at the records.

use super::{BatchError, BatchHeader};

/// The whole batches at the beginning of some bytes: header and bytes of each.
///
/// Ends before a batch that is cut off at the end, as a fetch may return it, and after the first
/// error: what follows a malformed batch cannot be found.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Batches<'a> {
    /// Begins at the first byte, which is the first of a batch.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, position: 0 }
    }

    /// Returns where the next batch begins.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Returns the bytes that no batch was found in yet; after the last batch, those of a cut one.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = match BatchHeader::parse(self.rest) {
            Ok(header) => header,
            Err(BatchError::Truncated { .. }) => return None,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let size = header.size_in_bytes();
        let (batch, rest) = self.rest.split_at_checked(size)?;
        self.rest = rest;
        self.position += size;
        Some(Ok((header, batch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{BatchBuilder, Compression, NewRecord};

    fn batch(base_offset: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None).base_offset(base_offset);
        builder.push(NewRecord { value: Some(b"v"), ..NewRecord::default() });
        builder.build().unwrap().to_vec()
    }

    #[test]
    fn whole_batches_come_in_order_and_a_cut_one_is_left() {
        let mut bytes = [batch(5), batch(6)].concat();
        let end = bytes.len();
        bytes.extend(&batch(7)[..65]);
        let mut batches = Batches::new(&bytes);
        let offsets: Vec<_> = batches.by_ref().map(|b| b.unwrap().0.base_offset).collect();
        assert_eq!(offsets, [5, 6]);
        assert_eq!(batches.position(), end);
        assert_eq!(batches.rest().len(), 65);
    }

    #[test]
    fn nothing_follows_a_malformed_batch() {
        let mut bytes = [batch(5), batch(6)].concat();
        bytes[16] = 0;
        let mut batches = Batches::new(&bytes);
        assert_eq!(batches.next().unwrap(), Err(BatchError::Magic { magic: 0 }));
        assert!(batches.next().is_none());
    }
}
