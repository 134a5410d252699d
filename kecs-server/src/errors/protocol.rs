//! The wire protocols of AWS, as far as their errors differ.

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::WireError;
use crate::header::{SMITHY_PROTOCOL, X_AMZ_TARGET};
use crate::reply::{AMZ_JSON, PLAIN_JSON};

/// How the caller reads errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json,
    RestJson,
    Query,
    Ec2,
    S3,
    RestXml,
    Cbor,
}

impl Protocol {
    /// What the request shows, then what the service is known to speak (botocore 1.43's models).
    pub(crate) fn of(service: &str, head: &Parts) -> Self {
        if service == "ecs" {
            return Self::Json;
        }
        if head.headers.get(&SMITHY_PROTOCOL).is_some_and(|value| value == "rpc-v2-cbor") {
            return Self::Cbor;
        }
        let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if content_type.starts_with(b"application/x-amz-json") || head.headers.contains_key(&X_AMZ_TARGET) {
            return Self::Json;
        }
        match service {
            "ec2" => Self::Ec2,
            "s3" | "s3-object-lambda" | "s3express" | "s3-outposts" => Self::S3,
            "route53" | "cloudfront" => Self::RestXml,
            "autoscaling"
            | "cloudformation"
            | "cloudsearch"
            | "elasticache"
            | "elasticbeanstalk"
            | "elasticloadbalancing"
            | "iam"
            | "importexport"
            | "monitoring"
            | "rds"
            | "redshift"
            | "sdb"
            | "sns"
            | "sts" => Self::Query,
            _ if content_type.starts_with(b"application/x-www-form-urlencoded") => Self::Query,
            _ => Self::RestJson,
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        match self {
            Self::Json => AMZ_JSON,
            Self::RestJson => PLAIN_JSON,
            Self::Query | Self::Ec2 => HeaderValue::from_static("text/xml"),
            Self::S3 | Self::RestXml => HeaderValue::from_static("application/xml"),
            Self::Cbor => HeaderValue::from_static("application/cbor"),
        }
    }

    pub(super) fn write_error(self, error: &WireError, request_id: &str) -> Vec<u8> {
        let (code, message) = (error.code, xml_text(&error.message));
        let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
        match self {
            Self::Json => serde_json::json!({ "__type": code, "message": error.message }).to_string(),
            Self::RestJson => serde_json::json!({ "message": error.message }).to_string(),
            Self::Query | Self::RestXml => format!(
                "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>"
            ),
            Self::Ec2 => format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{request_id}</RequestID></Response>"
            ),
            Self::S3 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
                 <RequestId>{request_id}</RequestId></Error>"
            ),
            Self::Cbor => return cbor_map(&[("__type", code), ("message", &error.message)]),
        }
        .into_bytes()
    }
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A CBOR map of at most 23 pairs of texts.
fn cbor_map(pairs: &[(&str, &str)]) -> Vec<u8> {
    let count = u8::try_from(pairs.len()).expect("an error has two members");
    let mut out = vec![0xa0 | count];
    for (name, value) in pairs {
        push_cbor_text(&mut out, name);
        push_cbor_text(&mut out, value);
    }
    out
}

fn push_cbor_text(out: &mut Vec<u8>, text: &str) {
    match (u8::try_from(text.len()), u16::try_from(text.len())) {
        (Ok(short @ 0..=23), _) => out.push(0x60 | short),
        (Ok(byte), _) => out.extend([0x78, byte]),
        (_, Ok(two)) => {
            out.push(0x79);
            out.extend(two.to_be_bytes());
        }
        _ => {
            out.push(0x7b);
            out.extend((text.len() as u64).to_be_bytes());
        }
    }
    out.extend(text.as_bytes());
}
