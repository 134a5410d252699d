//! Errors that the endpoint itself answers, in the form that the caller's SDK reads.

mod protocol;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use kecs_core::Body;
use kecs_model::ErrorCode;

pub(crate) use protocol::Protocol;

use crate::SigV4Error;
use crate::reply::reply;

/// An error before it is written: which status, code and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// When to try again, where somebody knows.
    pub(crate) retry_after: Option<Duration>,
}

impl WireError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    /// With the status that ECS has for the code.
    pub(crate) fn ecs(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, code.as_str(), message)
    }

    /// Nothing answers for `service`.
    pub(crate) fn no_backend(protocol: Protocol, service: &str) -> Self {
        let message = format!("No backend is configured for the AWS service '{service}', and KECS does not answer for it itself.");
        Self::unsupported(protocol, message)
    }

    /// `service` is one that KECS is to answer itself, and does not yet.
    pub(crate) fn not_yet(protocol: Protocol, service: &str, operation: &str) -> Self {
        let message = format!("KECS does not serve the AWS service '{service}' yet, and nobody else does here ({operation}).");
        Self::unsupported(protocol, message)
    }

    /// What is asked for is not there. Status 400, so that no SDK repeats the call (501, which emulators like to send, some do repeat).
    pub(crate) fn unsupported(protocol: Protocol, message: impl Into<Cow<'static, str>>) -> Self {
        let code = match protocol {
            Protocol::Json | Protocol::RestJson | Protocol::Cbor => "UnknownOperationException",
            Protocol::Query | Protocol::Ec2 => "InvalidAction",
            Protocol::S3 | Protocol::RestXml => "NotImplemented",
        };
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Too much at a time, in the words that SDKs back off at: S3's "Error responses", and the common errors of the other protocols.
    pub(crate) fn throttled(protocol: Protocol) -> Self {
        match protocol {
            Protocol::S3 => Self::new(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate."),
            Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {
                Self::new(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded")
            }
            Protocol::Json | Protocol::RestJson | Protocol::Cbor => {
                let status = if protocol == Protocol::RestJson { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
                Self::new(status, "ThrottlingException", "Rate exceeded")
            }
        }
    }

    /// A signature that was refused, with the code and the status that the caller's protocol has for it.
    pub(crate) fn signature(protocol: Protocol, error: &SigV4Error) -> Self {
        let (status, code) = match protocol {
            Protocol::Json | Protocol::Cbor => (StatusCode::BAD_REQUEST, error.code()),
            Protocol::RestJson => (StatusCode::FORBIDDEN, error.code()),
            Protocol::Query | Protocol::Ec2 | Protocol::RestXml => (StatusCode::FORBIDDEN, error.query_code()),
            Protocol::S3 => (StatusCode::FORBIDDEN, error.s3_code()),
        };
        Self::new(status, code, error.to_string())
    }

    /// A bug of ours: what ECS says when it fails, whatever the reason.
    pub(crate) fn internal(protocol: Protocol) -> Self {
        let code = if protocol == Protocol::Json { "ServerException" } else { "InternalFailure" };
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, "Service Unavailable. Please try again later.")
    }

    pub(crate) fn into_response(self, protocol: Protocol, request_id: &str) -> Response<Body> {
        let body: Bytes = protocol.write_error(&self, request_id).into();
        let mut response = reply(self.status, protocol.content_type(), body);
        let headers = response.headers_mut();
        match protocol {
            Protocol::RestJson => {
                headers.insert("x-amzn-errortype", HeaderValue::from_static(self.code));
            }
            // Clients of RPC v2 take an answer without it for another protocol's.
            Protocol::Cbor => {
                headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
            }
            Protocol::S3 => {
                if let Ok(id) = HeaderValue::from_str(request_id) {
                    headers.insert("x-amz-request-id", id);
                }
            }
            Protocol::Json | Protocol::Query | Protocol::Ec2 | Protocol::RestXml => {}
        }
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, after.as_secs().max(1).into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(protocol: Protocol) -> String {
        let error = WireError::new(StatusCode::BAD_REQUEST, "Code", "a < b & \"c\"");
        String::from_utf8_lossy(&protocol.write_error(&error, "id-1")).into_owned()
    }

    // The forms are those of the protocols' documentation: smithy.io/2.0/aws/protocols (awsJson, awsQuery, ec2Query, restXml, rpcv2Cbor) and
    // "Error Responses" of the Amazon S3 API Reference.
    #[test]
    fn json_errors_have_a_type_and_a_message() {
        assert_eq!(written(Protocol::Json), r#"{"__type":"Code","message":"a < b & \"c\""}"#);
    }

    #[test]
    fn query_errors_are_xml_with_the_request_id() {
        assert_eq!(
            written(Protocol::Query),
            "<ErrorResponse><Error><Type>Sender</Type><Code>Code</Code><Message>a &lt; b &amp; &quot;c&quot;</Message></Error>\
             <RequestId>id-1</RequestId></ErrorResponse>"
        );
    }

    #[test]
    fn ec2_errors_are_a_list() {
        assert_eq!(
            written(Protocol::Ec2),
            "<Response><Errors><Error><Code>Code</Code><Message>a &lt; b &amp; &quot;c&quot;</Message></Error></Errors>\
             <RequestID>id-1</RequestID></Response>"
        );
    }

    #[test]
    fn s3_errors_are_bare() {
        assert_eq!(
            written(Protocol::S3),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>Code</Code><Message>a &lt; b &amp; &quot;c&quot;</Message>\
             <RequestId>id-1</RequestId></Error>"
        );
    }

    #[test]
    fn cbor_errors_are_a_map_of_two_texts() {
        // RFC 8949: map(2) = a2, text(6) = 66, text(4) = 64, text(7) = 67, text(11) = 6b.
        let error = WireError::new(StatusCode::BAD_REQUEST, "Code", "hello world");
        assert_eq!(Protocol::Cbor.write_error(&error, ""), b"\xa2\x66__type\x64Code\x67message\x6bhello world");
    }
}
