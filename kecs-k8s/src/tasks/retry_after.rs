//! When an API server that has no time wants to be asked again.

use http::header::RETRY_AFTER;
use http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::json;

/// A client that tells of that also where it is said in a header alone, which the client does not read: so answers API Priority and Fairness, with a text.
pub(super) fn heeding(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move { told(client.send(request).await?).await }
    });
    Client::new(service, namespace)
}

/// The answer, with what its header says of a next time in a status of Kubernetes' API.
async fn told(answer: Response<Body>) -> Result<Response<Body>, kube::Error> {
    let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let Some(after) = after.filter(|_| answer.status().is_client_error() || answer.status().is_server_error()) else {
        return Ok(answer);
    };
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    if serde_json::from_slice::<kube::core::Status>(&body).is_ok() {
        return Ok(Response::from_parts(head, body.into()));
    }
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": head.status.as_u16(), "reason": "",
        "message": String::from_utf8_lossy(&body).trim(), "details": {"retryAfterSeconds": after},
    });
    Ok(Response::from_parts(head, status.to_string().into_bytes().into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::backend_error;

    /// What is made of an answer with this body to who asks for the version.
    async fn asked(body: &'static str) -> (String, Option<Duration>) {
        let answers = tower::service_fn(move |_: Request<Body>| async move {
            let answer = Response::builder().status(429).header(RETRY_AFTER, "7").body(Body::from(body.as_bytes().to_vec()));
            answer.map_err(kube::Error::HttpError)
        });
        let error = heeding(Client::new(answers, "default")).apiserver_version().await.expect_err("it has no time");
        let error = backend_error("cannot ask", error);
        (error.to_string(), error.retry_after())
    }

    #[tokio::test]
    async fn the_header_of_a_text_is_heeded() {
        let (text, after) = asked("Too many requests, please try again later.\n").await;
        assert_eq!(
            (text.as_str(), after),
            ("cannot ask: Too many requests, please try again later.", Some(Duration::from_secs(7)))
        );
    }

    #[tokio::test]
    async fn a_status_stays_as_it_is() {
        let status = r#"{"kind":"Status","status":"Failure","code":429,"message":"not now","details":{"retryAfterSeconds":3}}"#;
        assert_eq!(asked(status).await, ("cannot ask: not now".to_owned(), Some(Duration::from_secs(3))));
    }
}
