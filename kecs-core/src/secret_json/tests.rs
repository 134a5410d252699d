//! What is read is what serde_json reads, and what is wrong is told without a value.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

use super::*;

fn value(json: &str) -> Result<Value, SecretJsonError> {
    read(PhantomData, json.as_bytes())
}

#[test]
fn what_is_read_is_what_serde_json_reads() {
    for json in [
        r#"{"a":["b\n\"c\"",1,null]} "#,
        " { \"a\" : [ ] ,\t\"b\" : { } , \"c\" : [ true , false , null ] }\r\n",
        r#"["\"\\\/\b\f\n\r\t", "\u00e9\u20ac\ud83d\ude00", "\\u0041", "\\", "é"]"#,
        "[0, -0, -1, 18446744073709551615, 18446744073709551616, -9223372036854775808, 1.5, -2.5e-3, 1E5]",
        r#"{"same": 1, "same": 2}"#,
        r#""""#,
        " 1",
        "",
        "{",
        r#"{} "more""#,
        r#"" "#,
        "{}}",
        "[1e999]",
        r#"["\x"]"#,
        r#"["\u00g0"]"#,
        "[\"\n\"]",
        "[01]",
        "[1,]",
        r#"{"a" 1}"#,
        r#"{"a":1 "b":2}"#,
        "nul",
        "[nulla]",
    ] {
        assert_eq!(value(json).ok(), serde_json::from_str(json).ok(), "{json}");
    }
    assert!(read(PhantomData::<Value>, b"\"\xff\"").is_err(), "it is no UTF-8");
}

// "When unmarshaling quoted strings, invalid UTF-8 or invalid UTF-16 surrogate pairs are not treated as an error. Instead, they are replaced by the Unicode
// replacement character U+FFFD." (Go's encoding/json)
#[test]
fn half_a_character_is_the_replacement_character() {
    for (json, expected) in
        [(r#""\ud83d""#, "\u{fffd}"), (r#""\ude00\ud83dA""#, "\u{fffd}\u{fffd}A"), (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀")]
    {
        assert_eq!(value(json).unwrap(), expected, "{json}");
    }
}

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is not read to the end")]
struct Wanted {
    name: String,
    list: Option<(u8, u8)>,
    map: Option<BTreeMap<String, u8>>,
}

#[test]
fn what_is_wrong_is_told_without_a_value() {
    for (json, told) in [
        (r#"{"name": "hush""#, "EOF while parsing an object at line 1 column 15"),
        (r#"{"name": hush}"#, "expected value at line 1 column 10"),
        (r#"{"hush": 1}"#, "it has no name"),
        (r#""hush""#, "something in it is not struct Wanted"),
        (r#"{"name": ["hush"]}"#, "something in it is not a string"),
        (r#"{"name": "hush", "map": {"a": "hush"}}"#, "something in it is not u8"),
        (r#"{"name": "hush", "map": {"a": 1000}}"#, "something in it is not what was expected"),
        (r#"{"name": "hush", "name": "hush"}"#, "something in it is not what was expected"),
        (r#"{"name": "hush", "list": [1, 2, 3]}"#, "it has more in it than was expected"),
        (r#"{"name": "hush", "more": 1e999}"#, "a number in it is out of range"),
    ] {
        let error = read(PhantomData::<Wanted>, json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), told, "{json}");
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // As with serde_json.
    assert!(value(&nested(127)).is_ok() && serde_json::from_str::<Value>(&nested(127)).is_ok());
    assert!(serde_json::from_str::<Value>(&nested(128)).is_err());
    assert_eq!(value(&nested(128)).unwrap_err().to_string(), "it is nested too deep");
    assert!(value(&nested(1_000_000)).is_err());
    let side_by_side = format!("[{}]", vec!["[]"; 1000].join(","));
    assert!(value(&side_by_side).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\/\u{0}-\u{1f}a😀]*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(json in any_json()) {
        prop_assert_eq!(value(&json.to_string()).unwrap(), json.clone());
        prop_assert_eq!(value(&serde_json::to_string_pretty(&json).unwrap()).unwrap(), json);
    }
}
