//! Who the caller is: as a signature proves, or, where signatures are not looked at, as the credential says.

use http::request::Parts;
use kecs_core::TaskAgent;

use super::Shared;
use crate::identify::{Identity, is_account};
use crate::{AccessKey, AccessKeys, Payload, SigV4Error, percent, verify};

/// Verifies the signature, by the configured keys and by those that were given to tasks, and tells the account.
pub(super) fn verified(
    shared: &Shared,
    keys: &AccessKeys,
    head: &Parts,
    payload: Payload<'_>,
    service: &str,
    access_key_id: Option<&str>,
) -> Result<String, SigV4Error> {
    let now = shared.clock.now().as_millis().div_euclid(1000);
    match verify(keys, head, payload, service, now) {
        Ok(key) => Ok(key.account.clone()),
        Err(SigV4Error::UnknownKey) => of_task(shared.agent.as_ref(), head, payload, service, access_key_id, now),
        Err(error) => Err(error),
    }
}

/// "You must also supply the session token" with temporary keys (IAM user guide, "Use temporary credentials with AWS resources").
fn of_task(
    agent: Option<&TaskAgent>,
    head: &Parts,
    payload: Payload<'_>,
    service: &str,
    access_key_id: Option<&str>,
    now: i64,
) -> Result<String, SigV4Error> {
    let id = access_key_id.ok_or(SigV4Error::UnknownKey)?;
    let issued = agent.and_then(|agent| agent.issued_key(id)).ok_or(SigV4Error::UnknownKey)?;
    let account = issued.account.to_string();
    let key = AccessKey { id: id.to_owned(), secret: issued.secret_access_key, account: account.clone() };
    verify(&AccessKeys::from_iter([key]), head, payload, service, now)?;
    let in_header = head.headers.get("x-amz-security-token").and_then(|token| token.to_str().ok());
    let in_query = || percent::query_value(head.uri.query().unwrap_or_default(), "X-Amz-Security-Token");
    // The signature is right, so whoever sent this has the secret: how long the comparison takes tells nothing more.
    match in_header.map(Into::into).or_else(in_query) {
        Some(token) if token == issued.session_token.expose() => Ok(account),
        _ => Err(SigV4Error::UnknownKey),
    }
}

/// The account of a call whose signature is not looked at: the task's that was given the key, else as the request says.
pub(super) fn claimed<'a>(shared: &Shared, identity: &'a Identity<'_>) -> std::borrow::Cow<'a, str> {
    let key = identity.access_key_id.as_deref().filter(|id| !is_account(id));
    let issued = key.zip(shared.agent.as_ref()).and_then(|(id, agent)| agent.issued_key(id));
    issued.map_or_else(|| identity.account.as_ref().into(), |issued| issued.account.to_string().into())
}
