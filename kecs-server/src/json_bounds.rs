//! A cheap look at a JSON body before it is decoded: how deep it nests, how long its lists are.
//!
//! The decoder that follows is the one that says whether the text is JSON at all. This scanner only makes sure that decoding
//! cannot be made to recurse or to allocate without bound, in one pass over the bytes and without allocating itself.

use thiserror::Error;

/// The deepest nesting that [`JsonBounds`] can be set to; it is also where `serde_json` stops by itself.
pub const MAX_JSON_DEPTH: usize = 128;

/// What a JSON body may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonBounds {
    /// How many objects and lists may be open at once. At most [`MAX_JSON_DEPTH`]; larger values count as that.
    pub depth: usize,
    /// How many elements one list, or members one object, may have.
    pub items: usize,
}

impl Default for JsonBounds {
    /// 64 deep (the deepest ECS request shape nests 9), 10,000 items (ECS's own longest list limit is 1,000).
    fn default() -> Self {
        Self { depth: 64, items: 10_000 }
    }
}

/// Why a body was refused before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonBoundsError {
    /// More objects and lists are open at once than allowed.
    #[error("the request nests deeper than {limit} levels")]
    TooDeep {
        /// The bound that was crossed.
        limit: usize,
    },
    /// One list or object is longer than allowed.
    #[error("the request has a list or object of more than {limit} elements")]
    TooManyItems {
        /// The bound that was crossed.
        limit: usize,
    },
}

/// Checks `body` against `bounds`. Text that is not JSON is not an error here. Never panics, whatever the bytes.
///
/// # Errors
///
/// The first bound that is crossed, in the order of the bytes.
pub fn check_json_bounds(body: &[u8], bounds: JsonBounds) -> Result<(), JsonBoundsError> {
    let depth_limit = bounds.depth.min(MAX_JSON_DEPTH);
    // Commas seen in each open container. One byte of JSON text opens or separates at most one thing.
    let mut separators = [0_usize; MAX_JSON_DEPTH];
    let mut depth = 0_usize;
    let mut at = 0_usize;
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(body, at),
            b'{' | b'[' => {
                if depth == depth_limit {
                    return Err(JsonBoundsError::TooDeep { limit: depth_limit });
                }
                separators[depth] = 0;
                depth += 1;
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth > 0 => {
                let count = &mut separators[depth - 1];
                *count += 1;
                if *count >= bounds.items {
                    return Err(JsonBoundsError::TooManyItems { limit: bounds.items });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The position after the quote that closes the string which starts at `at`, or the end of the body.
fn end_of_string(body: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => return at,
            b'\\' => at += 1,
            _ => {}
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const SMALL: JsonBounds = JsonBounds { depth: 3, items: 3 };

    #[test]
    fn what_stays_inside_the_bounds_passes() {
        assert_eq!(check_json_bounds(br#"{"a":[1,2,3],"b":{"c":[]},"d":4}"#, SMALL), Ok(()));
    }

    #[test]
    fn one_level_too_many_is_refused() {
        assert_eq!(check_json_bounds(b"[[[[]]]]", SMALL), Err(JsonBoundsError::TooDeep { limit: 3 }));
    }

    #[test]
    fn one_element_too_many_is_refused() {
        assert_eq!(check_json_bounds(b"[1,2,3,4]", SMALL), Err(JsonBoundsError::TooManyItems { limit: 3 }));
    }

    #[test]
    fn brackets_and_commas_inside_strings_do_not_count() {
        assert_eq!(check_json_bounds(br#"{"a":"[[[[,,,,\"[[[[\\"}"#, SMALL), Ok(()));
    }

    #[test]
    fn siblings_do_not_add_up() {
        assert_eq!(check_json_bounds(b"[[1,2],[1,2],[1,2]]", SMALL), Ok(()));
    }

    #[test]
    fn a_depth_beyond_the_decoder_s_own_counts_as_the_decoder_s() {
        let bounds = JsonBounds { depth: usize::MAX, items: 10 };
        assert_eq!(check_json_bounds(&[b'['; 200], bounds), Err(JsonBoundsError::TooDeep { limit: MAX_JSON_DEPTH }));
    }

    fn measured(value: &Value) -> (usize, usize) {
        let children: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => return (0, 0),
        };
        let inner = children.iter().map(|child| measured(child));
        let (depth, items) = inner.fold((0, 0), |(d, i), (cd, ci)| (d.max(cd), i.max(ci)));
        (depth + 1, items.max(children.len()))
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".*".prop_map(Value::from),];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_scanner_agrees_with_a_decoded_value(value in json(), depth in 0_usize..8, items in 1_usize..10) {
            let text = serde_json::to_vec(&value).unwrap();
            let (deep, long) = measured(&value);
            let inside = deep <= depth && long <= items;
            prop_assert_eq!(check_json_bounds(&text, JsonBounds { depth, items }).is_ok(), inside);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = check_json_bounds(&bytes, JsonBounds::default());
        }
    }
}
