//! How each field type of a message stands on the wire, chosen at compile time.
//!
//! | type | classic encoding | flexible encoding (KIP-482) |
//! |---|---|---|
//! | `String` | length `i16`, UTF-8 | length + 1 varint, UTF-8 |
//! | `Bytes`, `Records` | length `i32`, bytes | length + 1 varint, bytes |
//! | `Vec<T>` | count `i32`, elements | count + 1 varint, elements |
//! | `Option<…>` of these | length or count -1 is null | 0 is null |
//! | `Option` of a structure | `i8`: -1 is null, 1 precedes the structure | the same |
//!
//! Integers are big-endian; a truth value is one byte; a `Uuid` is its 16 bytes.

use bytes::Bytes;

use crate::decoder::INITIAL_ELEMENTS;
use crate::{DecodeError, Decoder, EncodeError, Encoder, Records, Uuid};

/// The version that a message is read or written at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    /// Version of the message.
    pub(crate) number: i16,
    /// Whether lengths are varints and structures end with tagged fields.
    pub(crate) flexible: bool,
}

/// A type that a field of a message can have.
pub(crate) trait Wire: Sized {
    /// Reads a value; `field` names it in errors.
    fn read(d: &mut Decoder, at: Version, field: &'static str) -> Result<Self, DecodeError>;
    /// Writes a value; `field` names it in errors.
    fn write(&self, e: &mut Encoder, at: Version, field: &'static str) -> Result<(), EncodeError>;
}

/// A type that has a null on the wire, so that a field can be an `Option` of it.
pub(crate) trait Nullable: Sized {
    /// Reads a value or null.
    fn read_nullable(
        d: &mut Decoder,
        at: Version,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError>;
    /// Writes a value or null.
    fn write_nullable(
        value: Option<&Self>,
        e: &mut Encoder,
        at: Version,
        field: &'static str,
    ) -> Result<(), EncodeError>;
}

macro_rules! scalars {
    ($($type:ty: $read:ident, $write:ident;)*) => {
        $(
            impl Wire for $type {
                #[inline]
                fn read(d: &mut Decoder, _: Version, _: &'static str) -> Result<Self, DecodeError> {
                    d.$read()
                }

                #[inline]
                fn write(
                    &self,
                    e: &mut Encoder,
                    _: Version,
                    _: &'static str,
                ) -> Result<(), EncodeError> {
                    e.$write(*self);
                    Ok(())
                }
            }
        )*
    };
}

scalars! {
    bool: read_bool, write_bool;
    i8: read_i8, write_i8;
    i16: read_i16, write_i16;
    u16: read_u16, write_u16;
    i32: read_i32, write_i32;
    u32: read_u32, write_u32;
    i64: read_i64, write_i64;
    f64: read_f64, write_f64;
    Uuid: read_uuid, write_uuid;
}

/// A type with a null of its own is never null where the field is not an `Option`.
macro_rules! not_null {
    ($([$($generics:tt)*] $type:ty;)*) => {
        $(
            impl $($generics)* Wire for $type {
                #[inline]
                fn read(
                    d: &mut Decoder,
                    at: Version,
                    field: &'static str,
                ) -> Result<Self, DecodeError> {
                    Self::read_nullable(d, at, field)?
                        .ok_or(DecodeError::UnexpectedNull { field, version: at.number })
                }

                #[inline]
                fn write(
                    &self,
                    e: &mut Encoder,
                    at: Version,
                    field: &'static str,
                ) -> Result<(), EncodeError> {
                    Self::write_nullable(Some(self), e, at, field)
                }
            }
        )*
    };
}

not_null! {
    [] String;
    [] Bytes;
    [] Records;
    [<T: Wire>] Vec<T>;
}

impl<T: Nullable> Wire for Option<T> {
    #[inline]
    fn read(d: &mut Decoder, at: Version, field: &'static str) -> Result<Self, DecodeError> {
        T::read_nullable(d, at, field)
    }

    #[inline]
    fn write(&self, e: &mut Encoder, at: Version, field: &'static str) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), e, at, field)
    }
}

impl Nullable for String {
    fn read_nullable(
        d: &mut Decoder,
        at: Version,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        match d.string_length(at.flexible, field)? {
            Some(length) => d.text(length, field).map(Some),
            None => Ok(None),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        e: &mut Encoder,
        at: Version,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        e.string_length(value.map(Self::len), at.flexible, field)?;
        if let Some(value) = value {
            e.write_raw(value.as_bytes());
        }
        Ok(())
    }
}

impl Nullable for Bytes {
    fn read_nullable(
        d: &mut Decoder,
        at: Version,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        match d.long_length(at.flexible, field)? {
            Some(length) => d.take(length).map(Some),
            None => Ok(None),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        e: &mut Encoder,
        at: Version,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        e.long_length(value.map(Self::len), at.flexible, field)?;
        if let Some(value) = value {
            e.write_raw(value);
        }
        Ok(())
    }
}

impl Nullable for Records {
    fn read_nullable(
        d: &mut Decoder,
        at: Version,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::read_nullable(d, at, field)?.map(Self::Bytes))
    }

    fn write_nullable(
        value: Option<&Self>,
        e: &mut Encoder,
        at: Version,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        e.long_length(value.map(Self::len), at.flexible, field)?;
        if let Some(value) = value {
            e.records(value);
        }
        Ok(())
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(
        d: &mut Decoder,
        at: Version,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        let Some(count) = d.count(at.flexible, field)? else { return Ok(None) };
        let mut elements = Self::with_capacity(count.min(INITIAL_ELEMENTS));
        for _ in 0..count {
            elements.push(T::read(d, at, field)?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(
        value: Option<&Self>,
        e: &mut Encoder,
        at: Version,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        e.long_length(value.map(Self::len), at.flexible, field)?;
        for element in value.into_iter().flatten() {
            element.write(e, at, field)?;
        }
        Ok(())
    }
}

/// Reads a field that is an `Option` for other versions' sake, at a version where it is never null.
#[inline]
pub(crate) fn read_required<T: Wire>(
    d: &mut Decoder,
    at: Version,
    field: &'static str,
) -> Result<Option<T>, DecodeError> {
    T::read(d, at, field).map(Some)
}

/// Writes a field that is an `Option` for other versions' sake, at a version where it is never null.
#[inline]
pub(crate) fn write_required<T: Wire>(
    value: Option<&T>,
    e: &mut Encoder,
    at: Version,
    field: &'static str,
) -> Result<(), EncodeError> {
    let value = value.ok_or(EncodeError::UnexpectedNull { field, version: at.number })?;
    value.write(e, at, field)
}

/// Reads a structure that may be null: a byte that says which, then the structure.
pub(crate) fn read_nullable_structure<T: Wire>(
    d: &mut Decoder,
    at: Version,
    field: &'static str,
) -> Result<Option<T>, DecodeError> {
    if d.read_i8()? < 0 {
        return Ok(None);
    }
    T::read(d, at, field).map(Some)
}

/// Writes a structure that may be null.
pub(crate) fn write_nullable_structure<T: Wire>(
    value: Option<&T>,
    e: &mut Encoder,
    at: Version,
    field: &'static str,
) -> Result<(), EncodeError> {
    match value {
        None => e.write_i8(-1),
        Some(value) => {
            e.write_i8(1);
            value.write(e, at, field)?;
        }
    }
    Ok(())
}

/// Whether a tagged field has another value than its default, so that it must be written.
#[inline]
pub(crate) fn differs<T: PartialEq>(value: &T, default: &T) -> bool {
    value != default
}
