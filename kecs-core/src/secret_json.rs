//! JSON that is secret, read so that no copy of it is left, whether or not it is what it should be.
//!
//! serde_json puts a string with escapes together in a buffer that it frees as it is, and its errors quote what was not expected. So here it tells only whether
//! a text is JSON, for which it copies nothing. A reader of our own reads what is in it: its buffers are wiped, and its errors quote nothing. That no copy is
//! left is seen by a test of the program, which looks into its memory.

mod error;
mod reader;
mod string;

use serde::de::{DeserializeSeed, IgnoredAny};

pub use error::SecretJsonError;
use reader::Reader;

/// Reads JSON into what `seed` makes of it, which is to own no more memory than it needs, and to wipe that itself, also where it fails halfway.
///
/// # Errors
///
/// When it is no JSON, is nested deeper than 127 levels, or is not what `seed` expects. The error quotes nothing of it.
///
/// ```
/// let text = std::marker::PhantomData::<String>;
/// assert_eq!(kecs_core::secret_json::read(text, br#""hush\n""#)?, "hush\n");
/// # Ok::<(), kecs_core::secret_json::SecretJsonError>(())
/// ```
pub fn read<T>(seed: impl for<'de> DeserializeSeed<'de, Value = T>, json: &[u8]) -> Result<T, SecretJsonError> {
    seed.deserialize(&mut Reader::new(checked(json)?))
}

/// The text, which is JSON.
fn checked(json: &[u8]) -> Result<&str, SecretJsonError> {
    let text = str::from_utf8(json).map_err(|error| SecretJsonError::new(error.to_string()))?;
    // What is ignored cannot be of a wrong type: such an error tells a place, and not what is there.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| SecretJsonError::new(error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests;
