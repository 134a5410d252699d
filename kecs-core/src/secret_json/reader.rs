//! Reads a text that is known to be JSON.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::SecretJsonError;
use super::string;

/// How deep lists and objects may be in each other, as with serde_json: each level takes some of the stack.
const DEEPEST: u8 = 127;

/// What is not read yet.
pub(super) struct Reader<'a> {
    rest: &'a str,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// Reads a text that was found to be JSON.
    pub(super) fn new(json: &'a str) -> Self {
        Self { rest: json, depth: 0 }
    }

    /// How the next value, key or end begins. What separates them tells nothing more, since the text is JSON.
    fn next(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
        self.rest.bytes().next()
    }

    /// Takes as many bytes.
    fn take(&mut self, length: usize) -> Result<&'a str, SecretJsonError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| SecretJsonError::new("it breaks off"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a number, or one of the three words.
    fn take_word(&mut self) -> Result<&'a str, SecretJsonError> {
        let length = self.rest.find([' ', '\t', '\n', '\r', ',', ':', ']', '}']).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// Lets a visitor read a list or an object, which it has to read to its end.
    fn nested<T>(&mut self, visit: impl FnOnce(&mut Self) -> Result<T, SecretJsonError>) -> Result<T, SecretJsonError> {
        if self.depth == DEEPEST {
            return Err(SecretJsonError::new("it is nested too deep"));
        }
        self.depth += 1;
        self.take(1)?;
        let value = visit(self)?;
        if !matches!(self.next(), Some(b']' | b'}')) {
            return Err(SecretJsonError::new("it has more in it than was expected"));
        }
        self.take(1)?;
        self.depth -= 1;
        Ok(value)
    }
}

/// A number is a whole one where it is written as one and fits, and else a double.
fn number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, SecretJsonError> {
    if let Ok(number) = text.parse() {
        return visitor.visit_u64(number);
    }
    // Minus zero is a double.
    if let Ok(number) = text.parse()
        && number != 0
    {
        return visitor.visit_i64(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => visitor.visit_f64(number),
        _ => Err(SecretJsonError::new("a number in it is out of range")),
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = SecretJsonError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SecretJsonError> {
        match self.next() {
            Some(b'"') => {
                let written = string::written(self.rest);
                self.take(written.len() + 2)?;
                if written.contains('\\') { visitor.visit_str(&string::unescaped(written)) } else { visitor.visit_str(written) }
            }
            Some(b'[') => self.nested(|reader| visitor.visit_seq(reader)),
            Some(b'{') => self.nested(|reader| visitor.visit_map(reader)),
            _ => match self.take_word()? {
                "null" => visitor.visit_unit(),
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                text => number(text, visitor),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SecretJsonError> {
        if self.next() == Some(b'n') {
            self.take_word()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, SecretJsonError> {
        visitor.visit_newtype_struct(self)
    }

    /// Nothing that is secret is one of a few.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, SecretJsonError> {
        Err(SecretJsonError::custom("an enum"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for &mut Reader<'_> {
    type Error = SecretJsonError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, SecretJsonError> {
        if self.next() == Some(b']') {
            return Ok(None);
        }
        seed.deserialize(&mut **self).map(Some)
    }
}

impl<'de> MapAccess<'de> for &mut Reader<'_> {
    type Error = SecretJsonError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, SecretJsonError> {
        if self.next() == Some(b'}') {
            return Ok(None);
        }
        seed.deserialize(&mut **self).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, SecretJsonError> {
        seed.deserialize(&mut **self)
    }
}
