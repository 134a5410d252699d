//! The strings of JSON (RFC 8259, section 7).

use zeroize::Zeroizing;

/// The string that a text begins with as it is written, without its quotes.
pub(super) fn written(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    &text[..end.unwrap_or(text.len())]
}

/// What a string says.
pub(super) fn unescaped(written: &str) -> Zeroizing<String> {
    // No escape is shorter than what it stands for: it does not grow, which would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(written.len()));
    let mut rest = written;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, after) = character(escape);
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// What an escape stands for, and what is behind it.
fn character(escape: &str) -> (char, &str) {
    let mut characters = escape.chars();
    let character = match characters.next() {
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return by_code(characters.as_str()),
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    };
    (character, characters.as_str())
}

/// A character by its code in UTF-16, of which it may take two. Half of one is U+FFFD, as in Go, in which the ECS agent reads secrets.
fn by_code(text: &str) -> (char, &str) {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let first = unit(text);
    let second = text.get(4..).and_then(|behind| unit(behind.strip_prefix("\\u")?));
    let decoded = char::decode_utf16(first.into_iter().chain(second)).next();
    let character = decoded.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
    let length = if character.len_utf16() == 2 { 10 } else { 4 };
    (character, text.get(length..).unwrap_or_default())
}
