//! Asks an emulator how it is.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use kecs_core::{AwsServiceBackend, Report, ServiceId};
use serde::Deserialize;

use super::config::Emulator;
use crate::HttpBackend;

/// What an emulator tells of itself. An emulator that tells nothing but answers is healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Health {
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) services: BTreeMap<String, String>,
}

/// LocalStack's own answer is a few KiB.
const LARGEST_ANSWER: usize = 256 * 1024;

/// Asks once. The caller limits the time. The error is one phrase.
pub(crate) async fn ask(backend: &HttpBackend, emulator: Emulator) -> Result<Health, String> {
    let path = match emulator {
        Emulator::LocalStack => "/_localstack/health",
        Emulator::Moto => "/moto-api/",
    };
    let request = http::Request::get(path).body(Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync());
    let request = request.map_err(|error| error.to_string())?;
    let answer = backend.call(&ServiceId::new("health"), request).await.map_err(|error| Report(&error).to_string())?;
    let status = answer.status();
    let (mut body, mut text) = (answer.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        text.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
        if text.len() > LARGEST_ANSWER {
            return Err(format!("{} answers {path} without an end", backend.url()));
        }
    }
    if !status.is_success() {
        return Err(format!("{} answers {path} with {status}", backend.url()));
    }
    match emulator {
        Emulator::LocalStack => {
            serde_json::from_slice(&text).map_err(|_| format!("what {} answers to {path} is not LocalStack's", backend.url()))
        }
        Emulator::Moto => Ok(Health::default()),
    }
}
