//! Tags: what may be one, and how a resource's tags change.
//!
//! One room for every operation that takes tags. The rules are those that the API reference gives with every `tags` parameter.

use std::collections::HashSet;

use kecs_model::ecs::Tag;

/// "Maximum number of tags per resource - 50"; "Tags with this prefix do not count against your tags per resource limit."
const MOST_TAGS: usize = 50;

/// Why tags are refused: the text for the client, which is our wording but for that of the reserved prefix. The operation chooses the code.
pub(crate) type Refusal = String;

/// Checks the tags that a request gives a new resource, or adds to one.
pub(crate) fn check(tags: &[Tag]) -> Result<(), Refusal> {
    let mut keys = HashSet::new();
    for tag in tags {
        let key = tag.key.as_deref().unwrap_or_default();
        let value = tag.value.as_deref().unwrap_or_default();
        if is_reserved(key) || is_reserved(value) {
            return Err("aws: prefixed tag key names are not allowed for external use.".to_owned());
        }
        if !(1..=128).contains(&key.chars().count()) || !key.chars().all(is_allowed) {
            return Err(format!(
                "Invalid tag key '{key}'. A key has 1 to 128 letters, numbers, spaces and the characters _ . : / = + - @"
            ));
        }
        if value.chars().count() > 256 || !value.chars().all(is_allowed) {
            return Err(format!(
                "Invalid value of the tag '{key}'. A value has up to 256 letters, numbers, spaces and the characters _ . : / = + - @"
            ));
        }
        if !keys.insert(key) {
            return Err(format!("Duplicate tag keys are not allowed: '{key}'."));
        }
    }
    check_count(tags)
}

/// A resource's tags after a request added some: a key that was there has the new value.
pub(crate) fn added(tags: &[Tag], added: &[Tag]) -> Result<Vec<Tag>, Refusal> {
    check(added)?;
    let mut tags: Vec<Tag> = tags.iter().filter(|tag| !added.iter().any(|new| new.key == tag.key)).cloned().collect();
    tags.extend_from_slice(added);
    check_count(&tags)?;
    Ok(tags)
}

/// A resource's tags after a request removed some. A key that is not there changes nothing; "You cannot edit or delete tag keys or values with
/// this prefix".
pub(crate) fn removed(tags: &[Tag], keys: &[String]) -> Result<Vec<Tag>, Refusal> {
    if keys.iter().any(|key| is_reserved(key)) {
        return Err("aws: prefixed tag key names are not allowed for external use.".to_owned());
    }
    Ok(tags.iter().filter(|tag| !tag.key.as_ref().is_some_and(|key| keys.contains(key))).cloned().collect())
}

fn check_count(tags: &[Tag]) -> Result<(), Refusal> {
    let own = tags.iter().filter(|tag| !tag.key.as_deref().is_some_and(is_reserved)).count();
    if own > MOST_TAGS { Err(format!("The maximum number of tags per resource is {MOST_TAGS}.")) } else { Ok(()) }
}

/// "Do not use aws:, AWS:, or any upper or lowercase combination of such as a prefix for either keys or values".
fn is_reserved(text: &str) -> bool {
    text.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// The pattern of TagKey and TagValue in AWS's model: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) }
    }

    // Limits and the reserved prefix: `tags` of RegisterTaskDefinition in the API reference.
    #[test]
    fn keys_and_values_have_their_limits() {
        check(&[tag(&"k".repeat(128), &"v".repeat(256)), tag("Größe 1", "a+b=c@d/e:f_g.h-i"), tag("empty", "")]).unwrap();
        for refused in [tag("", "v"), tag(&"k".repeat(129), "v"), tag("k", &"v".repeat(257)), tag("a,b", "v"), tag("k", "a,b")] {
            assert!(check(std::slice::from_ref(&refused)).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn the_prefix_aws_is_reserved_in_any_case() {
        for refused in [tag("aws:x", "v"), tag("AWS:x", "v"), tag("aWs:x", "v"), tag("k", "aws:v")] {
            assert!(check(std::slice::from_ref(&refused)).is_err(), "{refused:?}");
        }
        check(&[tag("awsome", "v"), tag("é", "v")]).unwrap();
        assert!(removed(&[tag("aws:ecs:clusterName", "c")], &["aws:ecs:clusterName".to_owned()]).is_err());
    }

    #[test]
    fn a_key_is_given_once() {
        assert!(check(&[tag("k", "1"), tag("k", "2")]).is_err());
        // "Tag keys and values are case-sensitive."
        check(&[tag("k", "1"), tag("K", "2")]).unwrap();
    }

    #[test]
    fn fifty_tags_are_the_most_and_those_of_aws_do_not_count() {
        let fifty: Vec<Tag> = (0..50).map(|n| tag(&format!("k{n}"), "v")).collect();
        check(&fifty).unwrap();
        let with_managed: Vec<Tag> = fifty.iter().cloned().chain([tag("aws:ecs:clusterName", "c")]).collect();
        assert_eq!(added(&with_managed, &[tag("k0", "new")]).unwrap().len(), 51);
        assert!(added(&with_managed, &[tag("k50", "v")]).is_err());
    }

    #[test]
    fn adding_replaces_the_value_and_removing_ignores_what_is_not_there() {
        let tags = added(&[tag("a", "1"), tag("b", "1")], &[tag("a", "2")]).unwrap();
        assert_eq!(tags, [tag("b", "1"), tag("a", "2")]);
        assert_eq!(removed(&tags, &["a".to_owned(), "c".to_owned()]).unwrap(), [tag("b", "1")]);
    }
}
