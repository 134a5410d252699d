//! Verification of AWS Signature Version 4, for endpoints that require it.
//!
//! Written out rather than taken from a crate: the published ones sign, and a verifier must canonicalize what *arrived*. It is checked
//! against AWS's own signing test suite. Method: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.

mod canonical;
mod claims;
mod date;
mod error;
mod key;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use kecs_core::SecretValue;

pub use error::SigV4Error;
pub(crate) use key::PayloadHasher;

use canonical::canonical_request;
use claims::Claims;
use date::BasicDate;
use key::{SigningKey, hex, sha256};

use crate::identify::CredentialScope;

/// How far the clocks of client and server may be apart: the 15 minutes of AWS's documentation.
pub const DEFAULT_CLOCK_SKEW: Duration = Duration::from_mins(15);

/// Whether requests must be signed.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Signatures are not looked at: any credentials, or none, are accepted. For endpoints on loopback.
    #[default]
    Off,
    /// Every request must carry a valid signature of one of these keys.
    Required(AccessKeys),
}

/// One access key. Its `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The access key id, such as `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    /// The secret access key.
    pub secret: SecretValue,
    /// The 12-digit account that requests of this key act in.
    pub account: String,
}

/// The keys that are accepted, by id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct AccessKeys(Arc<HashMap<String, AccessKey>>);

impl AccessKeys {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, so that nothing can be accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<AccessKey> for AccessKeys {
    /// Of two keys with one id, the later counts.
    fn from_iter<T: IntoIterator<Item = AccessKey>>(keys: T) -> Self {
        Self(Arc::new(keys.into_iter().map(|key| (key.id.clone(), key)).collect()))
    }
}

/// What is known of a request's body when its signature is verified.
#[derive(Debug, Clone, Copy)]
pub enum Payload<'a> {
    /// The whole body: its hash is computed, and must be what was signed. `UNSIGNED-PAYLOAD` is refused, since over plain HTTP
    /// anybody on the way could change such a body.
    Whole(&'a [u8]),
    /// The body is still to be streamed. `x-amz-content-sha256` is taken at its word, and whoever streams the body compares it; a
    /// presigned URL without it signs `UNSIGNED-PAYLOAD`, as Amazon S3 has it.
    Streamed,
}

/// Verifies the signature of a request, in its `Authorization` header or presigned in its query.
///
/// `service` is what the request was identified as: a credential scoped to another service is refused. `now` is Unix time in
/// seconds. Comparing takes the same time whatever the signature. The key's account is who the caller is.
///
/// # Errors
///
/// The first thing that is wrong, as AWS names it.
pub fn verify<'k>(
    keys: &'k AccessKeys,
    head: &Parts,
    payload: Payload<'_>,
    service: &str,
    now: i64,
) -> Result<&'k AccessKey, SigV4Error> {
    let claims = Claims::read(head)?;
    let scope = CredentialScope::parse(&claims.credential).ok_or_else(|| SigV4Error::bad_credential(&claims.credential))?;
    let key = keys.0.get(scope.access_key_id.as_ref()).ok_or(SigV4Error::UnknownKey)?;
    check_scope(&scope, &claims, service)?;
    check_time(&claims, now)?;
    claims.check_signed_headers(head)?;

    let payload_hash = payload_hash(head, &claims, payload)?;
    let canonical = canonical_request(head, &claims, &scope.service, &payload_hash);
    let signing_key = SigningKey::derive(key.secret.expose(), &scope);
    let string_to_sign = format!(
        "AWS4-HMAC-SHA256\n{}\n{}/{}/{}/aws4_request\n{}",
        claims.date,
        scope.date,
        scope.region,
        scope.service,
        hex(&sha256(canonical.as_bytes())),
    );
    if signing_key.verifies(string_to_sign.as_bytes(), &claims.signature) { Ok(key) } else { Err(SigV4Error::Mismatch) }
}

/// Whether the credential scope is of the day and the service of the request.
fn check_scope(scope: &CredentialScope<'_>, claims: &Claims<'_>, service: &str) -> Result<(), SigV4Error> {
    if !claims.date.starts_with(scope.date.as_ref()) {
        return Err(SigV4Error::Scope(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{}'.",
            scope.date,
            claims.date.get(..8).unwrap_or_default(),
            claims.date
        )));
    }
    if scope.service != service {
        return Err(SigV4Error::Scope(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    Ok(())
}

fn check_time(claims: &Claims<'_>, now: i64) -> Result<(), SigV4Error> {
    let skew = i64::try_from(DEFAULT_CLOCK_SKEW.as_secs()).expect("15 minutes fit");
    let signed = BasicDate::parse(&claims.date)
        .ok_or_else(|| SigV4Error::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{}'.", claims.date)))?;
    let lifetime = claims.expires.unwrap_or(skew);
    let (earliest, latest) = (BasicDate(now.saturating_sub(lifetime)), BasicDate(now.saturating_add(skew)));
    let now = BasicDate(now);
    if signed.0 < earliest.0 {
        let minutes = lifetime / 60;
        return Err(SigV4Error::Time(format!(
            "Signature expired: {signed} is now earlier than {earliest} ({now} - {minutes} min.)"
        )));
    }
    if signed.0 > latest.0 {
        let minutes = skew / 60;
        return Err(SigV4Error::Time(format!(
            "Signature not yet current: {signed} is still later than {latest} ({now} + {minutes} min.)"
        )));
    }
    Ok(())
}

/// The last line of the canonical request.
fn payload_hash(head: &Parts, claims: &Claims<'_>, payload: Payload<'_>) -> Result<String, SigV4Error> {
    let declared = head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    match payload {
        Payload::Whole(body) => {
            let hash = hex(&sha256(body));
            match declared {
                Some(declared) if declared != hash => Err(SigV4Error::Mismatch),
                _ => Ok(hash),
            }
        }
        Payload::Streamed => match declared {
            Some(declared) => Ok(declared.to_owned()),
            None if claims.presigned => Ok("UNSIGNED-PAYLOAD".to_owned()),
            None => Err(SigV4Error::Mismatch),
        },
    }
}

#[cfg(test)]
mod tests;
