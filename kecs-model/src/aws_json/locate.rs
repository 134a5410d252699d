//! Which member of a JSON document an error is about, from the place where the parser stopped.

use std::fmt::Write as _;

/// A step from the document's root to a value. Names are slices of the document, as written there.
enum Step<'b> {
    Member(&'b [u8]),
    Item(usize),
}

/// The path of the value that the parser could not use, when it has read this many lines and columns:
/// `containerDefinitions[0].cpu`. `None` for the document itself.
///
/// The parser has read a string or number of the wrong type, and stands before a list or structure of the wrong type.
/// Both times the value is the one whose name, `[` or `,` was read last. What was read is known to be JSON.
pub(super) fn member_at(body: &[u8], line: usize, column: usize) -> Option<String> {
    let end = offset(body, line, column).min(body.len());
    let mut path: Vec<Step<'_>> = Vec::new();
    let mut expects_name = false;
    let mut at = 0;
    while at < end {
        match body[at] {
            b'"' => {
                let close = closing_quote(body, at);
                if expects_name {
                    path.pop();
                    path.push(Step::Member(&body[at + 1..close.min(body.len())]));
                    expects_name = false;
                }
                at = close;
            }
            b'{' => {
                path.push(Step::Member(b""));
                expects_name = true;
            }
            b'[' => path.push(Step::Item(0)),
            b'}' | b']' => drop(path.pop()),
            b',' => match path.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                _ => expects_name = true,
            },
            _ => {}
        }
        at += 1;
    }
    shown(&path)
}

fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let before = line.saturating_sub(1);
    let lines = body.split_inclusive(|&byte| byte == b'\n').take(before);
    lines.map(<[u8]>::len).sum::<usize>() + column
}

fn closing_quote(body: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < body.len() && body[at] != b'"' {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    at
}

fn shown(path: &[Step<'_>]) -> Option<String> {
    let mut shown = String::new();
    for step in path {
        match step {
            Step::Member(b"") => {} // the structure was entered, its first name was not read
            Step::Member(name) if shown.is_empty() => {
                shown.push_str(&String::from_utf8_lossy(name));
            }
            Step::Member(name) => {
                let _ = write!(shown, ".{}", String::from_utf8_lossy(name));
            }
            Step::Item(index) => {
                let _ = write!(shown, "[{index}]");
            }
        }
    }
    (!shown.is_empty()).then_some(shown)
}
