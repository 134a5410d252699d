//! What a signed request says about its signature.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::request::Parts;

use super::SigV4Error;
use crate::percent;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The longest life of a presigned URL: seven days.
const MAX_EXPIRES: i64 = 7 * 24 * 3600;

/// The signature's parts, from the header or from the query. Nothing of it is verified yet.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    pub(super) credential: Cow<'a, str>,
    /// Lower-case names, `;` between them, in the order of the client.
    pub(super) signed_headers: Cow<'a, str>,
    /// In hex.
    pub(super) signature: Cow<'a, str>,
    /// `YYYYMMDDTHHMMSSZ`.
    pub(super) date: Cow<'a, str>,
    /// The life of a presigned URL in seconds.
    pub(super) expires: Option<i64>,
    pub(super) presigned: bool,
}

impl<'a> Claims<'a> {
    pub(super) fn read(head: &'a Parts) -> Result<Self, SigV4Error> {
        if let Some(value) = head.headers.get(AUTHORIZATION) {
            let value = value.to_str().map_err(|_| SigV4Error::Incomplete("Authorization header is not text.".to_owned()))?;
            return Self::of_header(head, value);
        }
        let query = head.uri.query().unwrap_or_default();
        match percent::query_value(query, "X-Amz-Algorithm") {
            Some(algorithm) => Self::of_query(query, &algorithm),
            None => Err(SigV4Error::Missing),
        }
    }

    fn of_header(head: &'a Parts, value: &'a str) -> Result<Self, SigV4Error> {
        let (algorithm, parameters) = value.split_once(' ').unwrap_or((value, ""));
        check_algorithm(algorithm)?;
        let parameter = |name: &str| {
            let found = parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.filter(|text| !text.is_empty())
        };
        let credential = parameter("Credential");
        let signature = parameter("Signature");
        let signed_headers = parameter("SignedHeaders");
        let date = head.headers.get("x-amz-date").and_then(|value| value.to_str().ok());
        if let (Some(credential), Some(signature), Some(signed_headers), Some(date)) = (credential, signature, signed_headers, date)
        {
            return Ok(Self {
                credential: credential.into(),
                signed_headers: signed_headers.into(),
                signature: signature.into(),
                date: date.into(),
                expires: None,
                presigned: false,
            });
        }
        let mut missing = Vec::new();
        for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)] {
            if value.is_none() {
                missing.push(format!("Authorization header requires '{name}' parameter."));
            }
        }
        if date.is_none() {
            missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned());
        }
        Err(SigV4Error::Incomplete(missing.join(" ")))
    }

    fn of_query(query: &'a str, algorithm: &str) -> Result<Self, SigV4Error> {
        check_algorithm(algorithm)?;
        let parameter = |name: &str| {
            percent::query_value(query, name)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| SigV4Error::Incomplete(format!("AWS query-string parameters must include '{name}'.")))
        };
        let expires = parameter("X-Amz-Expires")?
            .parse::<i64>()
            .ok()
            .filter(|seconds| (0..=MAX_EXPIRES).contains(seconds))
            .ok_or_else(|| SigV4Error::Incomplete(format!("X-Amz-Expires must be between 0 and {MAX_EXPIRES} seconds.")))?;
        Ok(Self {
            credential: parameter("X-Amz-Credential")?,
            signed_headers: parameter("X-Amz-SignedHeaders")?,
            signature: parameter("X-Amz-Signature")?,
            date: parameter("X-Amz-Date")?,
            expires: Some(expires),
            presigned: true,
        })
    }

    pub(super) fn signed_header_names(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    /// The host and the operation must be part of what was signed, or a signature could be carried to another call.
    pub(super) fn check_signed_headers(&self, head: &Parts) -> Result<(), SigV4Error> {
        let is_signed = |name: &str| self.signed_header_names().any(|signed| signed.eq_ignore_ascii_case(name));
        if !is_signed("host") && !is_signed(":authority") {
            let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(SigV4Error::Incomplete(text.to_owned()));
        }
        if head.headers.contains_key("x-amz-target") && !is_signed("x-amz-target") {
            return Err(SigV4Error::Mismatch);
        }
        // The date needs no such rule: it is a line of the string to sign.
        Ok(())
    }
}

fn check_algorithm(algorithm: &str) -> Result<(), SigV4Error> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(SigV4Error::Incomplete(format!("Unsupported AWS 'algorithm', only '{ALGORITHM}' is accepted.")))
}
