//! A backend that answers as a test says, and notes what it was asked.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kecs_core::{AwsBackends, AwsHealth, AwsServiceBackend, BackendError, Body, ClusterRef, OneBackend, Scope, ServiceId};
use serde_json::Value;

/// One request, with the credential scope taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) service: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) path: String,
    pub(crate) target: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A parameter of a form, still encoded.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        self.body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

type Answer = Result<(u16, String), BackendError>;
type Script = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

pub(crate) struct Scripted {
    script: Script,
    asked: Mutex<Vec<Asked>>,
}

impl Scripted {
    pub(crate) fn new(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), asked: Mutex::default() })
    }

    pub(crate) fn backends(self: &Arc<Self>) -> Arc<dyn AwsBackends> {
        Arc::new(OneBackend(Arc::clone(self) as _))
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

/// The cluster of the tests.
pub(crate) fn cluster() -> ClusterRef {
    ClusterRef { scope: Scope::new("111122223333", "eu-west-1"), name: "default".into() }
}

#[async_trait]
impl AwsServiceBackend for Scripted {
    fn serves(&self, _: &ServiceId) -> bool {
        true
    }

    fn endpoint(&self, _: &ServiceId) -> Option<String> {
        None
    }

    async fn health(&self) -> Result<AwsHealth, BackendError> {
        Ok(AwsHealth::Ready)
    }

    async fn call(&self, service: &ServiceId, request: Request<Body>) -> Result<Response<Body>, BackendError> {
        let (head, body) = request.into_parts();
        let header = |name: &str| head.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let authorization = header("authorization");
        let scope: Vec<&str> = authorization.split_once("Credential=").unwrap().1.split('/').collect();
        let asked = Asked {
            service: service.to_string(),
            account: scope[0].to_owned(),
            region: scope[2].to_owned(),
            path: head.uri.to_string(),
            target: header("x-amz-target"),
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        };
        self.asked.lock().unwrap().push(asked.clone());
        let (status, body) = (self.script)(&asked)?;
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        Ok(Response::builder().status(status).body(body).unwrap())
    }
}
