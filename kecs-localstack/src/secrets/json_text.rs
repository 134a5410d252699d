//! Strings of JSON that are secret.
//!
//! serde_json writes a string with escapes into memory of its own before it gives it to anybody, and frees that as it is. So what is secret is taken from it
//! as it stands in the answer, and read here, once, into memory that is wiped.

use kecs_core::SecretValue;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// Deserializes a string.
pub(super) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretValue, D::Error> {
    optional_value(deserializer)?.ok_or_else(|| D::Error::custom("there is no value"))
}

/// Deserializes a string or `null`.
pub(super) fn optional_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretValue>, D::Error> {
    match <&RawValue>::deserialize(deserializer)?.get() {
        "null" => Ok(None),
        // The parser's own words would tell a part of the value.
        json => text(json).map(Some).ok_or_else(|| D::Error::custom("a value is no string")),
    }
}

/// The text of a JSON string, if it is one (RFC 8259 §7) and has a text: an escape may be half a character.
pub(super) fn text(json: &str) -> Option<SecretValue> {
    let mut json = json.strip_prefix('"')?.strip_suffix('"')?;
    // No character is longer than its escape: what grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(json.len()));
    while let Some((plain, escape)) = json.split_once('\\') {
        text.push_str(plain);
        let (character, rest) = unescaped(escape)?;
        text.push(character);
        json = rest;
    }
    text.push_str(json);
    Some(SecretValue::new(std::mem::take(&mut *text)))
}

/// The character of an escape whose backslash is taken already, and what comes after it.
fn unescaped(escape: &str) -> Option<(char, &str)> {
    let mut rest = escape.chars();
    let character = match rest.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return utf16(rest.as_str()),
        _ => return None,
    };
    Some((character, rest.as_str()))
}

/// A character by its four digits, or by twice four where it takes a pair.
fn utf16(digits: &str) -> Option<(char, &str)> {
    // A sign would be read as well.
    let digits_of = |text| str::get(text, ..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let unit = |text| u16::from_str_radix(digits_of(text)?, 16).ok();
    let (first, rest) = (unit(digits)?, &digits[4..]);
    let second = rest.strip_prefix("\\u").and_then(|rest| Some((unit(rest)?, &rest[4..])));
    match (char::from_u32(first.into()), second) {
        (Some(character), _) => Some((character, rest)),
        (None, Some((second, rest))) => Some((char::decode_utf16([first, second]).next()?.ok()?, rest)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Option<String> {
        text(json).map(|value| value.expose().to_owned())
    }

    #[test]
    fn every_escape_of_json_is_known() {
        // RFC 8259 §7, with its example of a pair, the G clef.
        let json = r#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD834\uDD1E é""#;
        assert_eq!(read(json).unwrap(), "\"\\/\u{8}\u{c}\n\r\tA\u{e9}\u{1d11e} é");
    }

    #[test]
    fn half_a_character_and_what_is_no_string_is_refused() {
        for json in
            [r#""\uD834""#, r#""\uD834\u0041""#, r#""\uDD1E""#, r#""\u12""#, r#""\u+123""#, r#""\x""#, r#""\""#, "1", "{}", "\""]
        {
            assert_eq!(read(json), None, "{json}");
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_writes(text in any::<String>()) {
            prop_assert_eq!(read(&serde_json::to_string(&text).unwrap()), Some(text));
        }

        #[test]
        fn it_reads_what_serde_json_reads(json in r#""(\\(["\\/bfnrt]|u[0-9a-fA-F]{4}|uD[89ABab][0-9a-f]{2}\\uD[c-f][0-9a-f]{2})|[a-zé𝄞])*""#) {
            prop_assert_eq!(read(&json), serde_json::from_str::<String>(&json).ok());
        }
    }
}
