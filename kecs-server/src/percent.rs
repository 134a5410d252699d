//! Percent-encoding as SigV4 defines it, and iteration over a query string.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Decodes `%XX`. Anything malformed is kept as it stands; bytes that are not UTF-8 become U+FFFD.
/// `+` stays `+`: SigV4 clients write a space as `%20`.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&decode_bytes(text)).into_owned())
}

/// As [`decode`], without asking for UTF-8.
pub(crate) fn decode_bytes(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape =
            (bytes[at] == b'%').then(|| Some((hex_digit(*bytes.get(at + 1)?)?, hex_digit(*bytes.get(at + 2)?)?))).flatten();
        if let Some((high, low)) = escape {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

/// Encodes every byte but `A-Z a-z 0-9 - . _ ~`, in upper-case hex (SigV4 `UriEncode`).
pub(crate) fn encode_into(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a string does not fail"),
        }
    }
}

/// The `name=value` pairs of a query string, undecoded. A pair without `=` has an empty value.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The decoded value of the first pair named `name` (names compare without regard to case, as AWS does for `X-Amz-*`).
pub(crate) fn query_value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query_pairs(query).find(|(key, _)| decode(key).eq_ignore_ascii_case(name)).map(|(_, value)| decode(value))
}

pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_malformed_escape_is_kept() {
        assert_eq!(decode("%"), "%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%41"), "%zzA");
    }

    #[test]
    fn a_query_value_is_found_whatever_its_case_and_decoded() {
        let query = "a=1&x-amz-credential=AKID%2F20150830";
        assert_eq!(query_value(query, "X-Amz-Credential").as_deref(), Some("AKID/20150830"));
        assert_eq!(query_value(query, "b"), None);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in ".*") {
            let mut encoded = String::new();
            encode_into(&mut encoded, text.as_bytes());
            prop_assert_eq!(decode(&encoded), text);
        }
    }
}
