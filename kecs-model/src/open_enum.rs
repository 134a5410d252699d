//! Enums that keep values which the model does not know, so that a newer client or server is not broken by us.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

/// Defines open enums: `Name { Variant = "WIRE", … }`.
macro_rules! open_enums {
    ($($name:ident { $($variant:ident = $value:literal,)+ })*) => {$(
        #[doc = concat!("The values of `", stringify!($name), "` in AWS's model, open to others.")]
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(clippy::enum_variant_names, reason = "the names are AWS's")]
        pub enum $name {
            $(
                #[doc = concat!("`", $value, "`")]
                $variant,
            )+
            /// A value that the model does not have. Made by `From`, never for a value that it has.
            Unrecognized(Box<str>),
        }

        impl $name {
            /// The values that the model has.
            pub const VALUES: &[&str] = &[$($value),+];

            /// The value on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $value,)+
                    Self::Unrecognized(value) => value,
                }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                match value {
                    $($value => Self::$variant,)+
                    other => Self::Unrecognized(other.into()),
                }
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self::from(value.as_str())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::open_enum::deserialize(deserializer)
            }
        }
    )*};
}
pub(crate) use open_enums;

pub(crate) fn deserialize<'de, E, D>(deserializer: D) -> Result<E, D::Error>
where
    E: for<'a> From<&'a str>,
    D: Deserializer<'de>,
{
    struct Value<E>(PhantomData<E>);

    impl<E: for<'a> From<&'a str>> Visitor<'_> for Value<E> {
        type Value = E;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<X: Error>(self, value: &str) -> Result<E, X> {
            Ok(E::from(value))
        }
    }

    deserializer.deserialize_str(Value(PhantomData))
}
