//! The canonical request: what both sides hash.

use std::fmt::Write as _;

use http::HeaderMap;
use http::request::Parts;

use super::claims::Claims;
use crate::identify::authority_of;
use crate::percent;

/// Rebuilds the canonical request from what arrived.
pub(super) fn canonical_request(head: &Parts, claims: &Claims<'_>, service: &str, payload_hash: &str) -> String {
    let mut out = String::with_capacity(512);
    out.push_str(head.method.as_str());
    out.push('\n');
    push_path(&mut out, head.uri.path(), service);
    out.push('\n');
    push_query(&mut out, head.uri.query().unwrap_or_default());
    out.push('\n');

    let mut names: Vec<String> = claims.signed_header_names().map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    for name in &names {
        out.push_str(name);
        out.push(':');
        if name == "host" || name == ":authority" {
            out.push_str(authority_of(head).unwrap_or_default());
        } else {
            push_values(&mut out, &head.headers, name);
        }
        out.push('\n');
    }
    write!(out, "\n{}\n{payload_hash}", names.join(";")).expect("writing to a string does not fail");
    out
}

/// The path as it arrived for S3; normalized and encoded once more for every other service.
fn push_path(out: &mut String, path: &str, service: &str) {
    if matches!(service, "s3" | "s3-object-lambda" | "s3express" | "s3-outposts") {
        out.push_str(if path.is_empty() { "/" } else { path });
        return;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push('/');
        percent::encode_into(out, segment.as_bytes());
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push('/');
    }
}

/// Pairs sorted by encoded name, then value; without the signature itself.
fn push_query(out: &mut String, query: &str) {
    let encoded = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        percent::encode_into(&mut encoded, &percent::decode_bytes(text));
        encoded
    };
    let mut pairs: Vec<(String, String)> = percent::query_pairs(query)
        .map(|(name, value)| (encoded(name), encoded(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        let separator = if at == 0 { "" } else { "&" };
        write!(out, "{separator}{name}={value}").expect("writing to a string does not fail");
    }
}

/// All values of a header, in order, trimmed, runs of spaces made one, commas between them.
fn push_values(out: &mut String, headers: &HeaderMap, name: &str) {
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        out.push_str(words.next().unwrap_or_default());
        for word in words {
            out.push(' ');
            out.push_str(word);
        }
    }
}
