//! Why a server does not start.

use std::io;
use std::net::SocketAddr;

use kecs_core::StoreError;
use thiserror::Error;

use crate::Auth;

/// Why a server cannot be built or started, by step. Each text says in one line what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The builder was given no task backend.
    #[error("no task manager: give the builder one with tasks(…)")]
    NoTaskManager,
    /// Others could reach the server, and it would do whatever they ask.
    #[error(
        "{0} is reachable from other machines: require signed requests (auth: required), listen on 127.0.0.1, or set insecure to \
         accept everybody"
    )]
    NotLoopback(SocketAddr),
    /// Signatures are required, and no key could make a valid one.
    #[error("signed requests are required but no access key is configured: add one, or set auth: off")]
    NoAccessKeys,
    /// The account is not one.
    #[error("'{0}' is not an account: it takes 12 digits")]
    Account(String),
    /// The region is not one.
    #[error("'{0}' is not a region: it takes a name such as us-east-1")]
    Region(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state cannot be read.
    #[error("cannot read the state")]
    Store(#[from] StoreError),
}

/// Refuses to open the server to other machines without any authentication, unless that is what was asked for.
pub(crate) fn check_exposure(listen: SocketAddr, auth: &Auth, insecure: bool) -> Result<(), StartError> {
    match auth {
        Auth::Required(keys) if keys.is_empty() => Err(StartError::NoAccessKeys),
        Auth::Required(_) => Ok(()),
        Auth::Off if insecure || listen.ip().to_canonical().is_loopback() => Ok(()),
        Auth::Off => Err(StartError::NotLoopback(listen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessKey, AccessKeys};
    use kecs_core::SecretValue;

    fn check(listen: &str, auth: &Auth, insecure: bool) -> Result<(), StartError> {
        check_exposure(listen.parse().unwrap(), auth, insecure)
    }

    #[test]
    fn loopback_needs_no_authentication() {
        for listen in ["127.0.0.1:5373", "[::1]:5373", "127.9.9.9:0"] {
            assert!(check(listen, &Auth::Off, false).is_ok(), "{listen}");
        }
    }

    #[test]
    fn other_addresses_need_authentication_or_a_clear_wish() {
        let key = AccessKey { id: "AKID".to_owned(), secret: SecretValue::new("s".to_owned()), account: "123456789012".to_owned() };
        for listen in ["0.0.0.0:5373", "[::]:5373", "192.168.1.5:5373"] {
            assert!(matches!(check(listen, &Auth::Off, false), Err(StartError::NotLoopback(_))), "{listen}");
            assert!(check(listen, &Auth::Off, true).is_ok(), "{listen}");
            assert!(check(listen, &Auth::Required([key.clone()].into_iter().collect()), false).is_ok(), "{listen}");
        }
    }

    #[test]
    fn required_signatures_need_a_key() {
        let auth = Auth::Required(AccessKeys::default());
        assert!(matches!(check("127.0.0.1:0", &auth, true), Err(StartError::NoAccessKeys)));
    }

    #[test]
    fn a_refusal_fits_one_line_and_says_what_to_do() {
        let text = check("0.0.0.0:5373", &Auth::Off, false).unwrap_err().to_string();
        assert!(!text.contains('\n'));
        assert!(text.contains("auth: required") && text.contains("insecure"), "{text}");
    }
}
