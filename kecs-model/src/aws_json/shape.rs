//! How structures are read and written: one generic visitor, and per shape a match over its members' names.
//!
//! Not `#[derive(Deserialize)]`: that would read a JSON list as a structure, refuse a name that comes twice, and compile
//! twice as long.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A structure that can be read member by member.
pub(crate) trait JsonShape: Default {
    /// Reads the value that follows in `map` into the member of this name, or skips it.
    fn read<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error>;
}

/// Implements serde's traits for structures: `Name { member: "wireName", … }`.
macro_rules! json_shapes {
    ($($shape:ident { $($member:ident: $wire:literal,)* })*) => {$(
        impl serde::Serialize for $shape {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[allow(unused_mut, unused_imports, reason = "some shapes have no members")]
                let mut map = serializer.serialize_map(None)?;
                $(
                    if let Some(value) = &self.$member {
                        serde::ser::SerializeMap::serialize_entry(&mut map, $wire, value)?;
                    }
                )*
                serde::ser::SerializeMap::end(map)
            }
        }

        impl<'de> serde::Deserialize<'de> for $shape {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::aws_json::deserialize(deserializer)
            }
        }

        impl crate::aws_json::JsonShape for $shape {
            fn read<'de, M: serde::de::MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error> {
                match name {
                    $($wire => self.$member = map.next_value()?,)*
                    _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                }
                Ok(())
            }
        }
    )*};
}
pub(crate) use json_shapes;

pub(crate) fn deserialize<'de, T: JsonShape, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Members(PhantomData))
}

struct Members<T>(PhantomData<T>);

impl<'de, T: JsonShape> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a structure")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        let mut shape = T::default();
        while let Some(Name(name)) = map.next_key()? {
            shape.read(&name, &mut map)?;
        }
        Ok(shape)
    }
}

/// A member's name, borrowed from the body unless it has escapes. (serde's `Cow` is always owned.)
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}
