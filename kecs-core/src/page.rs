//! Paging: `maxResults` and `nextToken`.

use kecs_model::ApiError;

/// Which page of a listing a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The key that the page before ended with.
    pub(crate) after: Option<String>,
    size: usize,
}

impl Page {
    /// Reads a request's `nextToken` and `maxResults`. Without `maxResults` a page has `default` items; more than `most`, or none, is refused.
    pub(crate) fn new(next_token: Option<&str>, max_results: Option<i32>, default: usize, most: usize) -> Result<Self, ApiError> {
        let size = match max_results {
            None => default,
            Some(asked) => usize::try_from(asked)
                .ok()
                .filter(|size| (1..=most).contains(size))
                .ok_or_else(|| ApiError::invalid_parameter(format!("maxResults must be between 1 and {most}.")))?,
        };
        let after = match next_token.filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(decode(token).ok_or_else(|| ApiError::invalid_parameter("Invalid token."))?),
        };
        Ok(Self { after, size })
    }

    /// Takes the page's items off `items`, which must be in the order of their keys and begin after [`after`](Self::after). Returns the token of
    /// the next page where there is more.
    pub(crate) fn take<T>(&self, items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let mut items = items.fuse();
        let page: Vec<T> = items.by_ref().take(self.size).collect();
        let more = items.next().is_some();
        let next = page.last().filter(|_| more).map(|last| encode(&key(last)));
        (page, next)
    }
}

/// A token that nobody is tempted to read or make: the key in hexadecimal.
fn encode(key: &str) -> String {
    key.bytes().fold(String::with_capacity(key.len() * 2), |mut token, byte| {
        for digit in [byte >> 4, byte & 15] {
            token.push(char::from_digit(digit.into(), 16).expect("a digit of base 16"));
        }
        token
    })
}

fn decode(token: &str) -> Option<String> {
    let digits = token.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    if digits.len() % 2 != 0 {
        return None;
    }
    let bytes = digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(page: &Page, items: &[&str]) -> (Vec<String>, Option<String>) {
        let rest =
            items.iter().filter(|item| page.after.as_deref().is_none_or(|after| **item > after)).map(|item| (*item).to_owned());
        page.take(rest, Clone::clone)
    }

    #[test]
    fn pages_follow_one_another_until_the_end() {
        let items = ["a", "b", "c"];
        let (first, token) = listed(&Page::new(None, Some(2), 100, 100).unwrap(), &items);
        assert_eq!(first, ["a", "b"]);
        let (second, end) = listed(&Page::new(token.as_deref(), Some(2), 100, 100).unwrap(), &items);
        assert_eq!((second, end), (vec!["c".to_owned()], None));
    }

    #[test]
    fn a_full_last_page_has_no_token() {
        let (_, token) = listed(&Page::new(None, Some(2), 100, 100).unwrap(), &["a", "b"]);
        assert_eq!(token, None);
    }

    #[test]
    fn a_token_that_was_never_given_is_refused() {
        for token in ["zz", "abc", "ff", "é"] {
            assert!(Page::new(Some(token), None, 100, 100).is_err(), "{token}");
        }
    }

    #[test]
    fn a_page_of_nothing_or_too_much_is_refused() {
        for size in [-1, 0, 101] {
            assert!(Page::new(None, Some(size), 100, 100).is_err(), "{size}");
        }
    }
}
