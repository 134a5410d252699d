//! JSON that is secret, read so that no copy of it is left.
//!
//! serde_json puts a string with escapes together in a buffer of its own, before it gives it to anybody. The buffer grows, which leaves copies behind, is used
//! again for the next string, and is freed as it is. So here it grows before there is anything secret in it, and is written over at the end, by strings that
//! are no part of the JSON: as long as that is, and with an escape. That this does it is seen by a test of the program, which looks into its memory.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, Visitor};
use serde_json::de::SliceRead;
use zeroize::Zeroizing;

/// Reads JSON into what `seed` makes of it, which is to own no more memory than it needs, and to wipe that itself.
///
/// # Errors
///
/// When it is no such JSON. Then a copy of a string may be left, and the error may tell a part of the JSON: do not show it.
///
/// ```
/// let text = std::marker::PhantomData::<String>;
/// assert_eq!(kecs_core::secret_json::read(text, br#""hush\n""#)?, "hush\n");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn read<T>(seed: impl for<'de> DeserializeSeed<'de, Value = T>, json: &[u8]) -> serde_json::Result<T> {
    let text = between_fillers(json);
    let mut text = serde_json::Deserializer::from_slice(&text);
    fill(&mut text)?;
    let value = seed.deserialize(&mut text)?;
    fill(&mut text)?;
    text.end()?;
    Ok(value)
}

// Apart from what there is of each type, and as `Bytes`, which are dropped by a call: the program has `read` some twenty times.

#[inline(never)]
fn between_fillers(json: &[u8]) -> Bytes {
    let filler = [br#""\u0020"#, " ".repeat(json.len()).as_bytes(), b"\""].concat();
    Bytes::from_owner(Zeroizing::new([&filler, json, &filler].concat()))
}

#[inline(never)]
fn fill(text: &mut serde_json::Deserializer<SliceRead<'_>>) -> serde_json::Result<()> {
    Filler::deserialize(text).map(drop)
}

/// A string of which nothing is kept.
struct Filler;

impl<'de> Deserialize<'de> for Filler {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for Filler {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the JSON")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for json in [r#"{"a":["b\n\"c\"",1,null]} "#, "{}", r#""""#, r#""\u00e9""#, " 1", "", "{", r#"{} "more""#, r#"" "#, "{}}"] {
            let read = read(PhantomData::<Value>, json.as_bytes());
            assert_eq!(read.ok(), serde_json::from_str(json).ok(), "{json}");
        }
    }
}
