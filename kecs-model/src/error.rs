//! What a client is told when a call fails.

mod code;

use std::error::Error;
use std::fmt;

pub use code::ErrorCode;

type Source = Box<dyn Error + Send + Sync>;

/// An error that is answered to a client.
///
/// It has a code and a text for the client, which are AWS's own wherever AWS has them, and may have a source, which is for
/// logs only and never reaches a client. There is a constructor for each code: `ApiError::client("…")` makes a
/// `ClientException`; where AWS always sends the same text, as in [`ApiError::cluster_not_found`], it takes no argument.
#[derive(Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ErrorCode,
    message: String,
    resource_ids: Vec<String>,
    source: Option<Source>,
}

impl ApiError {
    /// An error with this code and this text for the client.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, message: message.into(), resource_ids: Vec::new(), source: None }))
    }

    /// The answer of an operation that KECS does not serve.
    ///
    /// `UnsupportedFeatureException` where the operation's model lists it, else `ClientException`, which every operation
    /// has: both have HTTP status 400, so that no SDK tries again, and SDKs know them as types.
    pub fn not_served(operation: &str, modelled: &[ErrorCode]) -> Self {
        let unsupported = ErrorCode::UnsupportedFeatureException;
        let code = if modelled.contains(&unsupported) { unsupported } else { ErrorCode::ClientException };
        Self::new(code, format!("KECS does not serve the {operation} operation yet."))
    }

    /// A failure of our own: `ServerException` to the client, the source to the log.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::server().with_source(source)
    }

    /// Adds what caused the error, for logs.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the resources that a `ConflictException` is about.
    #[must_use]
    pub fn with_resource_ids(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.0.resource_ids = ids.into_iter().collect();
        self
    }

    /// The code that clients match on.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The HTTP status to answer with.
    pub fn status(&self) -> u16 {
        self.0.code.status()
    }

    /// The text for the client.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The resources that a `ConflictException` is about; empty otherwise.
    pub fn resource_ids(&self) -> &[String] {
        &self.0.resource_ids
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Defines [`ErrorCode`] and a constructor of [`ApiError`] for each code: `Code = status, constructor;`, with the text
/// after it where AWS always sends the same.
macro_rules! error_codes {
    ($($code:ident = $status:literal, $constructor:ident $(= $text:literal)?;)+) => {
        /// A code that clients match on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", stringify!($code), "`, HTTP status ", stringify!($status))]
                $code,
            )+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),+];

            /// The code on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)+
                }
            }

            /// The HTTP status that it is answered with.
            pub fn status(self) -> u16 {
                #[allow(clippy::match_same_arms, reason = "one line per code")]
                match self {
                    $(Self::$code => $status,)+
                }
            }
        }

        impl std::fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl super::ApiError {
            $(super::error_codes! { @constructor $code $constructor $($text)? })+
        }
    };
    (@constructor $code:ident $constructor:ident) => {
        #[doc = concat!("A `", stringify!($code), "` with this text.")]
        pub fn $constructor(message: impl Into<String>) -> Self {
            Self::new(ErrorCode::$code, message)
        }
    };
    (@constructor $code:ident $constructor:ident $text:literal) => {
        #[doc = concat!("A `", stringify!($code), "` with AWS's text: ", $text)]
        pub fn $constructor() -> Self {
            Self::new(ErrorCode::$code, $text)
        }
    };
}
use error_codes;
