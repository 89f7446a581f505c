//! The file format of a Java standalone worker's offsets: a serialised `HashMap<byte[], byte[]>`.
//!
//! | part | bytes |
//! |---|---|
//! | stream | `ACED 0005` |
//! | object, class | `73 72`, name `java.util.HashMap`, serial version `0507DAC1C31660D1`, flags `03` |
//! | fields | `0002`, float `loadFactor`, int `threshold`, end `78`, no parent `70` |
//! | field values | `3F400000`, threshold `u32` (0 when empty) |
//! | block | `77 08`, capacity `u32`, size `u32` |
//! | entries | key and value in turn: a byte array or null `70` |
//! | first array | `75 72 0002 "[B" ACF317F8060854E0 02 0000 78 70`, length `u32`, bytes |
//! | later arrays | `75 71 007E0002`, length `u32`, bytes |
//! | a repeated array | `71`, handle `u32` |
//! | end | `78` |
//!
//! Source: Java Object Serialization Specification, chapter 6; `java.util.HashMap.writeObject`.
//! Invariant: nothing is allocated beyond the bytes that are there.

/// A key or a value; Java's null is `None`.
pub type Blob = Option<Vec<u8>>;

const HEADER: &[u8] = &[
    0xAC, 0xED, 0x00, 0x05, 0x73, 0x72, 0x00, 0x11, b'j', b'a', b'v', b'a', b'.', b'u', b't', b'i',
    b'l', b'.', b'H', b'a', b's', b'h', b'M', b'a', b'p', 0x05, 0x07, 0xDA, 0xC1, 0xC3, 0x16, 0x60,
    0xD1, 0x03, 0x00, 0x02, b'F', 0x00, 0x0A, b'l', b'o', b'a', b'd', b'F', b'a', b'c', b't', b'o',
    b'r', b'I', 0x00, 0x09, b't', b'h', b'r', b'e', b's', b'h', b'o', b'l', b'd', 0x78, 0x70,
];
const ARRAY_CLASS: &[u8] = &[
    0x72, 0x00, 0x02, b'[', b'B', 0xAC, 0xF3, 0x17, 0xF8, 0x06, 0x08, 0x54, 0xE0, 0x02, 0x00, 0x00,
    0x78, 0x70,
];
const LOAD_FACTOR: u32 = 0x3F40_0000;
const TC_NULL: u8 = 0x70;
const TC_REFERENCE: u8 = 0x71;
const TC_ARRAY: u8 = 0x75;
const TC_BLOCK: u8 = 0x77;
const TC_END: u8 = 0x78;
/// Handle of the class of byte arrays: after the map's class and the map.
const ARRAY_CLASS_HANDLE: u32 = 0x007E_0002;
/// Handle of the first array.
const FIRST_ARRAY_HANDLE: u32 = 0x007E_0003;
const MIN_CAPACITY: u32 = 16;

/// Why bytes are not a serialised map.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FormatError {
    /// The first bytes are not those of a serialised `java.util.HashMap`.
    #[error("not a Java-serialised java.util.HashMap (position {position})")]
    Header {
        /// First byte that differs.
        position: usize,
    },
    /// The bytes end in the middle.
    #[error("cut short at position {position}, {wanted} more bytes expected")]
    Truncated {
        /// Where the missing part begins.
        position: usize,
        /// How many bytes it needs.
        wanted: usize,
    },
    /// An element is neither a byte array nor null.
    #[error("byte {found:#04x} at position {position} where a byte array or null was expected")]
    Element {
        /// Where it is.
        position: usize,
        /// What is there.
        found: u8,
    },
    /// A reference to an array that was not read before.
    #[error("reference to unknown object {handle:#010x} at position {position}")]
    Handle {
        /// Where it is.
        position: usize,
        /// The handle.
        handle: u32,
    },
    /// There is more after the end of the map.
    #[error("{extra} bytes after the end of the map at position {position}")]
    Trailing {
        /// Where the map ends.
        position: usize,
        /// How many bytes follow.
        extra: usize,
    },
}

/// Reads the entries of a serialised map, in file order. No bytes read as no entries.
///
/// # Errors
///
/// [`FormatError`] names what was expected and where.
pub fn read(bytes: &[u8]) -> Result<Vec<(Blob, Blob)>, FormatError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader { bytes, position: 0, arrays: Vec::new(), class_known: false };
    reader.expect(HEADER)?;
    reader.take(8)?;
    reader.expect(&[TC_BLOCK, 8])?;
    reader.take(4)?;
    let size = reader.u32()?;
    let mut entries = Vec::new();
    for _ in 0..size {
        let key = reader.element()?;
        let value = reader.element()?;
        entries.push((key, value));
    }
    reader.expect(&[TC_END])?;
    match bytes.len() - reader.position {
        0 => Ok(entries),
        extra => Err(FormatError::Trailing { position: reader.position, extra }),
    }
}

/// Writes entries as Java would, in the given order.
#[must_use]
pub fn write<'a>(entries: impl ExactSizeIterator<Item = (&'a Blob, &'a Blob)>) -> Vec<u8> {
    let size = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let mut capacity = MIN_CAPACITY;
    while size > capacity / 4 * 3 {
        capacity = capacity.saturating_mul(2);
    }
    let threshold = if size == 0 { 0 } else { capacity / 4 * 3 };
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(HEADER);
    out.extend_from_slice(&LOAD_FACTOR.to_be_bytes());
    out.extend_from_slice(&threshold.to_be_bytes());
    out.extend_from_slice(&[TC_BLOCK, 8]);
    out.extend_from_slice(&capacity.to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    let mut class_known = false;
    for (key, value) in entries {
        write_element(&mut out, key, &mut class_known);
        write_element(&mut out, value, &mut class_known);
    }
    out.push(TC_END);
    out
}

fn write_element(out: &mut Vec<u8>, blob: &Blob, class_known: &mut bool) {
    let Some(bytes) = blob else {
        out.push(TC_NULL);
        return;
    };
    out.push(TC_ARRAY);
    if *class_known {
        out.push(TC_REFERENCE);
        out.extend_from_slice(&ARRAY_CLASS_HANDLE.to_be_bytes());
    } else {
        out.extend_from_slice(ARRAY_CLASS);
        *class_known = true;
    }
    let len = u32::try_from(bytes.len()).expect("an offset's JSON is far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    arrays: Vec<&'a [u8]>,
    class_known: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], FormatError> {
        let rest = &self.bytes[self.position..];
        match rest.get(..len) {
            Some(taken) => {
                self.position += len;
                Ok(taken)
            }
            None => {
                Err(FormatError::Truncated { position: self.bytes.len(), wanted: len - rest.len() })
            }
        }
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes(taken.try_into().expect("four bytes were taken")))
    }

    fn expect(&mut self, wanted: &[u8]) -> Result<(), FormatError> {
        let start = self.position;
        let rest = &self.bytes[start..];
        if let Some(at) = wanted.iter().zip(rest).position(|(wanted, found)| wanted != found) {
            return Err(FormatError::Header { position: start + at });
        }
        self.take(wanted.len()).map(|_| ())
    }

    fn element(&mut self) -> Result<Blob, FormatError> {
        let position = self.position;
        match self.take(1)?[0] {
            TC_NULL => Ok(None),
            TC_REFERENCE => {
                let handle = self.u32()?;
                let index = handle.checked_sub(FIRST_ARRAY_HANDLE).map(usize::try_from);
                match index.and_then(Result::ok).and_then(|index| self.arrays.get(index)) {
                    Some(bytes) => Ok(Some(bytes.to_vec())),
                    None => Err(FormatError::Handle { position, handle }),
                }
            }
            TC_ARRAY => {
                self.array_class()?;
                let len = usize::try_from(self.u32()?).expect("a u32 fits a usize");
                let bytes = self.take(len)?;
                self.arrays.push(bytes);
                Ok(Some(bytes.to_vec()))
            }
            found => Err(FormatError::Element { position, found }),
        }
    }

    fn array_class(&mut self) -> Result<(), FormatError> {
        if self.class_known {
            let position = self.position;
            self.expect(&[TC_REFERENCE])?;
            return match self.u32()? {
                ARRAY_CLASS_HANDLE => Ok(()),
                handle => Err(FormatError::Handle { position, handle }),
            };
        }
        self.class_known = true;
        self.expect(ARRAY_CLASS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blob(text: &str) -> Blob {
        Some(text.as_bytes().to_vec())
    }

    fn bytes_of(entries: &[(Blob, Blob)]) -> Vec<u8> {
        write(entries.iter().map(|(key, value)| (key, value)))
    }

    #[test]
    fn empty_map_has_82_bytes() {
        assert_eq!(bytes_of(&[]).len(), 82);
        assert_eq!(read(&bytes_of(&[])), Ok(Vec::new()));
        assert_eq!(read(&[]), Ok(Vec::new()));
    }

    #[test]
    fn java_layout_is_written_byte_for_byte() {
        let written = bytes_of(&[(blob("k"), blob("v"))]);
        let mut expected = HEADER.to_vec();
        expected.extend_from_slice(&[0x3F, 0x40, 0, 0, 0, 0, 0, 0x0C, 0x77, 8]);
        expected.extend_from_slice(&[0, 0, 0, 16, 0, 0, 0, 1]);
        expected
            .extend_from_slice(b"\x75\x72\x00\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\x00\x00");
        expected.extend_from_slice(b"\x78\x70\x00\x00\x00\x01k");
        expected.extend_from_slice(b"\x75\x71\x00\x7E\x00\x02\x00\x00\x00\x01v\x78");
        assert_eq!(written, expected);
    }

    #[test]
    fn capacity_follows_the_load_factor() {
        let entries: Vec<_> = (0..13).map(|i| (blob(&i.to_string()), None)).collect();
        let written = bytes_of(&entries);
        assert_eq!(written[67..71], [0, 0, 0, 24]);
        assert_eq!(written[73..77], [0, 0, 0, 32]);
    }

    #[test]
    fn repeated_array_is_read_through_its_handle() {
        let mut bytes = bytes_of(&[(blob("k"), blob("v"))]);
        let end = bytes.len();
        bytes.truncate(end - 12);
        bytes.extend_from_slice(&[0x71, 0x00, 0x7E, 0x00, 0x03, 0x78]);
        assert_eq!(read(&bytes), Ok(vec![(blob("k"), blob("k"))]));
    }

    #[test]
    fn damage_is_named_with_its_place() {
        assert_eq!(read(b"hello"), Err(FormatError::Header { position: 0 }));
        let whole = bytes_of(&[(blob("k"), blob("v"))]);
        assert_eq!(
            read(&whole[..whole.len() - 1]),
            Err(FormatError::Truncated { position: whole.len() - 1, wanted: 1 })
        );
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(read(&longer), Err(FormatError::Trailing { position: whole.len(), extra: 1 }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(entries: Vec<(Option<Vec<u8>>, Option<Vec<u8>>)>) {
            prop_assert_eq!(read(&bytes_of(&entries)), Ok(entries));
        }

        #[test]
        fn any_bytes_are_read_or_refused(tail: Vec<u8>) {
            let mut bytes = bytes_of(&[]);
            bytes.truncate(78);
            bytes.extend_from_slice(&tail);
            drop(read(&bytes));
        }
    }
}
