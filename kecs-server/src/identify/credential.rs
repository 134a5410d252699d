//! The credential scope of SigV4: `AKID/20150830/us-east-1/ecs/aws4_request`.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::percent;

/// Who signed by the version of signatures before SigV4, which presigned URLs of S3 and old clients have: `AWSAccessKeyId` beside `Signature` in
/// the query, or `Authorization: AWS AKID:signature` ("Signing and authenticating REST requests (AWS signature version 2)", Amazon S3).
pub(super) fn sigv2_access_key_id<'a>(head: &'a Parts, query: &'a str) -> Option<Cow<'a, str>> {
    if let Some(header) = head.headers.get(AUTHORIZATION) {
        let (id, _signature) = header.to_str().ok()?.strip_prefix("AWS ")?.rsplit_once(':')?;
        return (!id.is_empty()).then_some(Cow::Borrowed(id));
    }
    percent::query_value(query, "AWSAccessKeyId").filter(|id| !id.is_empty())
}

/// A parsed SigV4 `Credential`. The signature beside it is not looked at here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope<'a> {
    /// Who signed: an access key id, or the 12-digit account that local tools put in its place.
    pub access_key_id: Cow<'a, str>,
    /// The day of the signing key, `YYYYMMDD`.
    pub date: Cow<'a, str>,
    /// The region that the client means.
    pub region: Cow<'a, str>,
    /// The service's signing name.
    pub service: Cow<'a, str>,
}

impl<'a> CredentialScope<'a> {
    /// From the value of an `Authorization` header, whatever its algorithm (SigV4 and SigV4A write the credential alike).
    /// `None` for other schemes and for a credential that is not five parts.
    pub fn from_authorization(value: &'a str) -> Option<Self> {
        let (scheme, parameters) = value.split_once(' ')?;
        if !scheme.starts_with("AWS4-") {
            return None;
        }
        let credential = parameters.split(',').find_map(|parameter| parameter.trim().strip_prefix("Credential="))?;
        Self::parse(credential)
    }

    /// From `X-Amz-Credential` of a presigned URL's query.
    pub fn from_query(query: &'a str) -> Option<Self> {
        match percent::query_value(query, "X-Amz-Credential")? {
            Cow::Borrowed(credential) => Self::parse(credential),
            Cow::Owned(credential) => CredentialScope::parse(&credential).map(CredentialScope::into_owned),
        }
    }

    /// From the credential itself. The access key id may hold slashes, so the parts are counted from the end.
    pub fn parse(credential: &'a str) -> Option<Self> {
        let mut parts = credential.trim().rsplitn(5, '/');
        let terminator = parts.next()?;
        let service = parts.next()?;
        let region = parts.next()?;
        let date = parts.next()?;
        let access_key_id = parts.next()?;
        let complete = terminator == "aws4_request" && ![service, region, date, access_key_id].iter().any(|part| part.is_empty());
        complete.then_some(Self {
            access_key_id: Cow::Borrowed(access_key_id),
            date: Cow::Borrowed(date),
            region: Cow::Borrowed(region),
            service: Cow::Borrowed(service),
        })
    }

    /// The same, owning its text.
    pub fn into_owned(self) -> CredentialScope<'static> {
        CredentialScope {
            access_key_id: Cow::Owned(self.access_key_id.into_owned()),
            date: Cow::Owned(self.date.into_owned()),
            region: Cow::Owned(self.region.into_owned()),
            service: Cow::Owned(self.service.into_owned()),
        }
    }
}
