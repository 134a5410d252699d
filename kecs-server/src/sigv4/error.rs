//! What is wrong with a signature, in AWS's words.

use thiserror::Error;

/// Why a signature was refused. `Display` is the text that AWS sends for it; none of the texts holds a signature or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SigV4Error {
    /// The request is not signed at all.
    #[error("Missing Authentication Token")]
    Missing,
    /// The signature lacks a part, or a part cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// The access key id is not one that is configured.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The credential is of another day or service.
    #[error("{0}")]
    Scope(String),
    /// The request was signed too long ago, or in the future.
    #[error("{0}")]
    Time(String),
    /// The signature is not the one that key, headers and body give.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
         signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SigV4Error {
    /// The error type that JSON services, such as ECS, send for it. All of them with status 400.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Scope(_) | Self::Time(_) | Self::Mismatch => "InvalidSignatureException",
        }
    }

    /// The code that Query services, such as STS, send for it. All of them with status 403.
    pub fn query_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationToken",
            Self::Incomplete(_) => "IncompleteSignature",
            Self::UnknownKey => "InvalidClientTokenId",
            Self::Scope(_) | Self::Time(_) | Self::Mismatch => "SignatureDoesNotMatch",
        }
    }

    /// The code that Amazon S3 sends for it. All of them with status 403.
    pub fn s3_code(&self) -> &'static str {
        match self {
            Self::Missing => "AccessDenied",
            Self::Incomplete(_) => "AuthorizationHeaderMalformed",
            Self::UnknownKey => "InvalidAccessKeyId",
            Self::Time(_) => "RequestTimeTooSkewed",
            Self::Scope(_) | Self::Mismatch => "SignatureDoesNotMatch",
        }
    }

    pub(super) fn bad_credential(credential: &str) -> Self {
        let shown: String = credential.chars().take(128).collect();
        Self::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{shown}'"
        ))
    }
}
