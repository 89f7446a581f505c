//! What a message is, and the one macro that all messages are declared with.
//!
//! ```text
//! messages! {
//!     /// Asks for one thing.                    (documentation is required throughout)
//!     request ThingRequest: 1..=5, flexible 4, api Thing -> ThingResponse {
//!         /// At every version; schema default: the type's own.
//!         name: String;
//!         /// From version 3 on, else the schema default -1.
//!         leader_epoch: i32 = -1, in 3..;
//!         /// Up to version 2.
//!         replica_id: i32, in ..=2;
//!         /// Null is allowed from version 2 on; without `nullable`, an `Option` is at every version.
//!         parts: Option<Vec<Part>> = Some(Vec::new()), nullable 2..;
//!         /// In the tag section of the flexible versions from 5 on.
//!         rack: Option<String>, in 5.., tag 0;
//!     }
//!     /// Answers it.
//!     message ThingResponse: 1..=5, flexible 4 { … }
//!     /// A structure inside them.
//!     struct Part { … }
//! }
//! ```
//!
//! Fields stand in wire order. A tagged field is left out while it has its default. A field that a
//! version does not have is neither read nor written, whatever its value.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder};

/// A request, a response, or a record of an internal topic.
pub trait Message: Sized + Debug + Clone + PartialEq + Default {
    /// Name in Kafka's schema.
    const NAME: &'static str;
    /// Versions that can be read and written.
    const VERSIONS: RangeInclusive<i16>;
    /// First version in the flexible encoding, or [`crate::NEVER`].
    const FLEXIBLE_FROM: i16;

    /// Reads a message of the given version. Bytes may follow it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the version does not exist or the bytes are not such a message.
    fn decode(d: &mut Decoder, version: i16) -> Result<Self, DecodeError>;

    /// Writes the message at the given version.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the version does not exist or a value does not fit it.
    fn encode(&self, e: &mut Encoder, version: i16) -> Result<(), EncodeError>;
}

/// A message that a client sends.
pub trait Request: Message {
    /// The API it belongs to.
    const KEY: ApiKey;
    /// What answers it, at the same version.
    type Response: Message;
}

/// Declares messages and the structures inside them; see the head of the file that defines it.
macro_rules! messages {
    () => {};
    (
        $(#[$doc:meta])*
        request $name:ident: $versions:expr, flexible $flexible:tt,
        api $key:ident -> $response:ident { $($body:tt)* }
        $($rest:tt)*
    ) => {
        messages! { $(#[$doc])* message $name: $versions, flexible $flexible { $($body)* } }

        impl $crate::Request for $name {
            const KEY: $crate::ApiKey = $crate::ApiKey::$key;
            type Response = $response;
        }

        messages! { $($rest)* }
    };
    (
        $(#[$doc:meta])*
        message $name:ident: $versions:expr, flexible $flexible:tt { $($body:tt)* }
        $($rest:tt)*
    ) => {
        messages! { $(#[$doc])* struct $name { $($body)* } }

        impl $crate::Message for $name {
            const NAME: &'static str = stringify!($name);
            const VERSIONS: std::ops::RangeInclusive<i16> = $versions;
            const FLEXIBLE_FROM: i16 = $flexible;

            fn decode(
                d: &mut $crate::Decoder,
                version: i16,
            ) -> Result<Self, $crate::DecodeError> {
                if !Self::VERSIONS.contains(&version) {
                    let message = Self::NAME;
                    return Err($crate::DecodeError::UnsupportedVersion { message, version });
                }
                let flexible = version >= Self::FLEXIBLE_FROM;
                let at = $crate::wire::Version { number: version, flexible };
                $crate::wire::Wire::read(d, at, Self::NAME)
            }

            fn encode(
                &self,
                e: &mut $crate::Encoder,
                version: i16,
            ) -> Result<(), $crate::EncodeError> {
                if !Self::VERSIONS.contains(&version) {
                    let message = Self::NAME;
                    return Err($crate::EncodeError::UnsupportedVersion { message, version });
                }
                let flexible = version >= Self::FLEXIBLE_FROM;
                let at = $crate::wire::Version { number: version, flexible };
                $crate::wire::Wire::write(self, e, at, Self::NAME)
            }
        }

        messages! { $($rest)* }
    };
    (
        $(#[$doc:meta])*
        struct $name:ident {
            $(
                $(#[$field_doc:meta])*
                $field:ident: $type:ty
                $(= $default:expr)? $(, in $versions:expr)? $(, nullable $nullable:expr)?
                $(, tag $tag:literal)?;
            )*
        }
        $($rest:tt)*
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::message::field!(default [$($default)?]),)* }
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(
                d: &mut $crate::Decoder,
                at: $crate::wire::Version,
                _: &'static str,
            ) -> Result<Self, $crate::DecodeError> {
                let mut value = Self {
                    $($field: $crate::message::field!(
                        read d at $field
                        [$($default)?] [$($versions)?] [$($nullable)?] [$($tag)?]
                    ),)*
                };
                if at.flexible {
                    let fields = &mut value;
                    d.tagged_fields(|_d, _tag| {
                        let _ = &fields;
                        $($crate::message::field!(
                            read_tagged _d at fields $field _tag
                            [$($versions)?] [$($nullable)?] [$($tag)?]
                        );)*
                        Ok(false)
                    })?;
                }
                Ok(value)
            }

            fn write(
                &self,
                e: &mut $crate::Encoder,
                at: $crate::wire::Version,
                _: &'static str,
            ) -> Result<(), $crate::EncodeError> {
                $($crate::message::field!(write e at self $field [$($versions)?] [$($nullable)?] [$($tag)?]);)*
                if at.flexible {
                    let mut _present: [Option<u32>; _] =
                        [$($crate::message::field!(tag at self $field [$($default)?] [$($versions)?] [$($tag)?])),*];
                    _present.sort_unstable();
                    e.write_uvarint($crate::message::field!(count _present.iter().flatten().count()));
                    for _tag in _present.into_iter().flatten() {
                        $($crate::message::field!(write_tagged e at self $field _tag [$($nullable)?] [$($tag)?]);)*
                    }
                }
                Ok(())
            }
        }

        impl $crate::wire::Nullable for $name {
            fn read_nullable(
                d: &mut $crate::Decoder,
                at: $crate::wire::Version,
                field: &'static str,
            ) -> Result<Option<Self>, $crate::DecodeError> {
                $crate::wire::read_nullable_structure(d, at, field)
            }

            fn write_nullable(
                value: Option<&Self>,
                e: &mut $crate::Encoder,
                at: $crate::wire::Version,
                field: &'static str,
            ) -> Result<(), $crate::EncodeError> {
                $crate::wire::write_nullable_structure(value, e, at, field)
            }
        }

        #[cfg(test)]
        impl $crate::tests::sample::Sample for $name {
            fn sample(_random: &mut $crate::tests::sample::Random, _at: $crate::wire::Version) -> Self {
                Self {
                    $($field: $crate::message::field!(
                        sample _random _at [$($default)?] [$($versions)?] [$($nullable)?] [$($tag)?]
                    ),)*
                }
            }
        }

        messages! { $($rest)* }
    };
}

/// One field's part in what [`messages!`] makes.
macro_rules! field {
    (default []) => { Default::default() };
    (default [$default:expr]) => { $default };

    (in $at:ident []) => { true };
    (in $at:ident [$versions:expr]) => { ($versions).contains(&$at.number) };

    (count $count:expr) => {
        u32::try_from($count).expect("a structure has fewer than 2^32 fields")
    };

    (read_value $d:ident $at:ident $field:ident []) => {
        $crate::wire::Wire::read($d, $at, stringify!($field))?
    };
    (read_value $d:ident $at:ident $field:ident [$nullable:expr]) => {
        if ($nullable).contains(&$at.number) {
            $crate::wire::Wire::read($d, $at, stringify!($field))?
        } else {
            $crate::wire::read_required($d, $at, stringify!($field))?
        }
    };
    (read $d:ident $at:ident $field:ident [$($default:expr)?] [] [$($nullable:expr)?] []) => {
        $crate::message::field!(read_value $d $at $field [$($nullable)?])
    };
    (
        read $d:ident $at:ident $field:ident
        [$($default:expr)?] [$versions:expr] [$($nullable:expr)?] []
    ) => {
        if $crate::message::field!(in $at [$versions]) {
            $crate::message::field!(read_value $d $at $field [$($nullable)?])
        } else {
            $crate::message::field!(default [$($default)?])
        }
    };
    (
        read $d:ident $at:ident $field:ident
        [$($default:expr)?] [$($versions:expr)?] [$($nullable:expr)?] [$tag:literal]
    ) => {
        $crate::message::field!(default [$($default)?])
    };
    (
        read_tagged $d:ident $at:ident $fields:ident $field:ident $found:ident
        [$($versions:expr)?] [$($nullable:expr)?] []
    ) => {};
    (
        read_tagged $d:ident $at:ident $fields:ident $field:ident $found:ident
        [$($versions:expr)?] [$($nullable:expr)?] [$tag:literal]
    ) => {
        if $found == $tag && $crate::message::field!(in $at [$($versions)?]) {
            $fields.$field = $crate::message::field!(read_value $d $at $field [$($nullable)?]);
            return Ok(true);
        }
    };

    (write_value $e:ident $at:ident $self:ident $field:ident []) => {
        $crate::wire::Wire::write(&$self.$field, $e, $at, stringify!($field))?
    };
    (write_value $e:ident $at:ident $self:ident $field:ident [$nullable:expr]) => {
        if ($nullable).contains(&$at.number) {
            $crate::wire::Wire::write(&$self.$field, $e, $at, stringify!($field))?;
        } else {
            $crate::wire::write_required($self.$field.as_ref(), $e, $at, stringify!($field))?;
        }
    };
    (write $e:ident $at:ident $self:ident $field:ident [] [$($nullable:expr)?] []) => {
        $crate::message::field!(write_value $e $at $self $field [$($nullable)?])
    };
    (write $e:ident $at:ident $self:ident $field:ident [$versions:expr] [$($nullable:expr)?] []) => {
        if $crate::message::field!(in $at [$versions]) {
            $crate::message::field!(write_value $e $at $self $field [$($nullable)?]);
        }
    };
    (
        write $e:ident $at:ident $self:ident $field:ident
        [$($versions:expr)?] [$($nullable:expr)?] [$tag:literal]
    ) => {};
    (tag $at:ident $self:ident $field:ident [$($default:expr)?] [$($versions:expr)?] []) => { None };
    (
        tag $at:ident $self:ident $field:ident
        [$($default:expr)?] [$($versions:expr)?] [$tag:literal]
    ) => {
        if $crate::message::field!(in $at [$($versions)?])
            && $crate::wire::differs(
                &$self.$field,
                &$crate::message::field!(default [$($default)?]),
            )
        {
            Some($tag)
        } else {
            None
        }
    };
    (write_tagged $e:ident $at:ident $self:ident $field:ident $found:ident [$($nullable:expr)?] []) => {};
    (
        write_tagged $e:ident $at:ident $self:ident $field:ident $found:ident
        [$($nullable:expr)?] [$tag:literal]
    ) => {
        if $found == $tag {
            $e.tagged_field($tag, |_e| {
                $crate::message::field!(write_value _e $at $self $field [$($nullable)?]);
                Ok(())
            })?;
        }
    };

    (sample_value $random:ident $at:ident []) => {
        $crate::tests::sample::Sample::sample($random, $at)
    };
    (sample_value $random:ident $at:ident [$nullable:expr]) => {
        if ($nullable).contains(&$at.number) {
            $crate::tests::sample::Sample::sample($random, $at)
        } else {
            Some($crate::tests::sample::Sample::sample($random, $at))
        }
    };
    (sample $random:ident $at:ident [$($default:expr)?] [] [$($nullable:expr)?] []) => {
        $crate::message::field!(sample_value $random $at [$($nullable)?])
    };
    (
        sample $random:ident $at:ident
        [$($default:expr)?] [$versions:expr] [$($nullable:expr)?] []
    ) => {
        if $crate::message::field!(in $at [$versions]) {
            $crate::message::field!(sample_value $random $at [$($nullable)?])
        } else {
            $crate::message::field!(default [$($default)?])
        }
    };
    (
        sample $random:ident $at:ident
        [$($default:expr)?] [$($versions:expr)?] [$($nullable:expr)?] [$tag:literal]
    ) => {
        if $at.flexible && $crate::message::field!(in $at [$($versions)?]) && $random.coin() {
            $crate::message::field!(sample_value $random $at [$($nullable)?])
        } else {
            $crate::message::field!(default [$($default)?])
        }
    };
}

pub(crate) use field;
pub(crate) use messages;
