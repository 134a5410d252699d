//! The codec of awsJson1_0 and awsJson1_1.

mod locate;
mod shape;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub(crate) use shape::{JsonShape, deserialize, json_shapes};

use crate::ApiError;

/// Reads a shape from a request's body. An empty body counts as `{}`, unknown members are skipped, `null` is absent.
///
/// # Errors
/// `SerializationException` when the body is not JSON, is nested more than 128 deep, or has a member of another type than
/// the shape's. The text names that member, and never repeats its value.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| refuse(body, &error))
}

/// Writes a shape as a response's body.
///
/// # Errors
/// `ServerException` when a number has no JSON form, which no operation of ours answers.
pub fn encode<T: Serialize>(shape: &T) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(shape).map_err(ApiError::internal)
}

/// The body of an error's answer.
pub fn error_body(error: &ApiError) -> Vec<u8> {
    let mut body = serde_json::json!({ "__type": error.code().as_str(), "message": error.message() });
    if !error.resource_ids().is_empty() {
        body["resourceIds"] = error.resource_ids().into();
    }
    body.to_string().into_bytes()
}

/// serde's own text for a wrong type repeats the value, which may be a secret.
fn refuse(body: &[u8], error: &serde_json::Error) -> ApiError {
    if error.classify() != Category::Data {
        return ApiError::serialization(error.to_string());
    }
    let member = locate::member_at(body, error.line(), error.column());
    ApiError::serialization(match member {
        Some(member) => format!("The value of {member} is not of the type that it must have."),
        None => "The request is not a JSON object.".to_owned(),
    })
}

#[cfg(test)]
mod tests;
