//! `GET /v2/credentials/<id>`: what SDKs find at `AWS_CONTAINER_CREDENTIALS_FULL_URI`.

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Response, StatusCode};
use kecs_core::{Body, CredentialsRefused, TaskAgent};
use serde::Serialize;

use super::reply_json;

/// What the agent answers, field by field.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    /// ISO 8601, which SDKs parse.
    expiration: String,
}

/// The agent's error, field by field.
#[derive(Serialize)]
struct ErrorMessage {
    code: &'static str,
    message: String,
    #[serde(rename = "HTTPErrorCode")]
    http_error_code: u16,
}

pub(super) async fn answer(agent: &TaskAgent, id: &str, head: &Parts) -> Response<Body> {
    if id.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, "NoIdInRequest", "No Credential ID in the request");
    }
    let token = head.headers.get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    match agent.credentials(id, token).await {
        Ok(given) => {
            let keys = &given.credentials;
            let body = Credentials {
                role_arn: given.role_arn.as_deref(),
                access_key_id: &keys.access_key_id,
                secret_access_key: keys.secret_access_key.expose(),
                token: keys.session_token.expose(),
                expiration: keys.expiration.to_string(),
            };
            reply_json(StatusCode::OK, &body)
        }
        Err(error) => {
            let (status, code) = match &error {
                CredentialsRefused::UnknownId => (StatusCode::BAD_REQUEST, "InvalidIdInRequest"),
                // AWS's agent has no token.
                CredentialsRefused::WrongToken => (StatusCode::FORBIDDEN, "AccessDenied"),
                CredentialsRefused::Failed(cause) if cause.is_retryable() => {
                    (StatusCode::SERVICE_UNAVAILABLE, "CredentialsUninitialized")
                }
                _ => (StatusCode::BAD_REQUEST, "NoCredentialsAssociated"),
            };
            refuse(status, code, &error.to_string())
        }
    }
}

fn refuse(status: StatusCode, code: &'static str, reason: &str) -> Response<Body> {
    let message = format!("CredentialsV2Request: {reason}");
    reply_json(status, &ErrorMessage { code, message, http_error_code: status.as_u16() })
}
