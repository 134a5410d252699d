//! Secrets of Kubernetes that belong to tasks: made so that no copy of what is in them is left in memory.
//!
//! The client writes an object into a buffer that grows and is freed as it is, and reads the API server's answer, which has the content again. So here the
//! JSON is written into memory that is wiped, and an answer without content is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kecs_core::BackendError;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use kube::client::Body;
use kube::core::Status;
use kube::{Client, Resource};
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::{backend_error, is};
use crate::tasks::answer;

/// Asks for an object's metadata alone ("Metadata-only fetches" of Kubernetes' API concepts).
const METADATA_ONLY: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
/// The same of several objects.
const METADATA_OF_ALL: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");

/// An immutable Secret of one task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskSecret {
    pub(crate) metadata: ObjectMeta,
    /// What Kubernetes makes of it, such as `Opaque`.
    pub(crate) kind: &'static str,
    /// By keys, which need no escape in JSON.
    pub(crate) data: BTreeMap<String, Content>,
}

/// What is under one key: kept in memory that is wiped, and printed by nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content(Zeroizing<Vec<u8>>);

impl Content {
    /// Takes it over.
    pub(crate) fn new(content: Vec<u8>) -> Self {
        Self(Zeroizing::new(content))
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(***)")
    }
}

impl TaskSecret {
    /// Creates it, unless there is one of its name.
    pub(crate) async fn create(&self, client: &Client) -> Result<(), BackendError> {
        const CREATING: &str = "cannot create the secret";
        let request = Request::post(Secret::url_path(&(), self.metadata.namespace.as_deref()))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, METADATA_ONLY)
            .body(Body::from(self.json()))
            .expect("it is well-formed");
        match answer(CREATING, send(client, request)).await? {
            Ok(()) => Ok(()),
            Err(error) if is(&error, 409) => Ok(()),
            Err(error) => Err(backend_error(CREATING, error)),
        }
    }

    /// The object's JSON.
    fn json(&self) -> Bytes {
        let object = Secret {
            metadata: self.metadata.clone(),
            type_: Some(self.kind.to_owned()),
            immutable: Some(true),
            data: None,
            string_data: None,
        };
        let mut rest = serde_json::to_vec(&object).expect("plain data has a JSON form");
        // The end of the object, before which the content comes.
        rest.pop();
        let encoded = |content: &Content| base64::encoded_len(content.0.len(), true).expect("it is shorter than memory is large");
        let members: usize = self.data.iter().map(|(key, content)| key.len() + encoded(content) + r#""":"","#.len()).sum();
        // With room for all of it: what grows leaves copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(rest.len() + members + r#","data":{}}"#.len()));
        json.extend(rest);
        json.extend(br#","data":{"#);
        for (number, (key, content)) in self.data.iter().enumerate() {
            json.extend(if number > 0 { ",\"" } else { "\"" }.bytes());
            json.extend(key.bytes());
            json.extend(br#"":""#);
            let start = json.len();
            json.resize(start + encoded(content), 0);
            STANDARD.encode_slice(content, &mut json[start..]).expect("there is room for it");
            json.push(b'"');
        }
        json.extend(b"}}");
        Bytes::from_owner(json)
    }
}

/// The secrets of a task, as its pod refers to them. Others that it refers to are of its service account, or somebody's who changes pods.
pub(crate) fn names_of(pod: &Pod) -> impl Iterator<Item = &str> {
    let spec = pod.spec.as_ref();
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    let variables = containers.flat_map(|container| container.env.iter().flatten());
    let variables = variables.filter_map(|variable| Some(&*variable.value_from.as_ref()?.secret_key_ref.as_ref()?.name));
    let volumes = spec.into_iter().flat_map(|spec| spec.volumes.iter().flatten());
    let volumes = volumes.filter_map(|volume| volume.secret.as_ref()?.secret_name.as_deref());
    let pull = spec.into_iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten()).map(|secret| &*secret.name);
    let own = pod.metadata.name.as_deref();
    variables.chain(volumes).chain(pull).filter(move |name| own.is_some_and(|own| name.starts_with(own)))
}

/// Lets the secrets of a task go when its pod does.
pub(crate) async fn give_to(client: &Client, pod: &Pod) -> Result<(), BackendError> {
    const GIVING: &str = "cannot give the secret to its pod";
    let (Some(namespace), Some(name), Some(uid)) = (&pod.metadata.namespace, &pod.metadata.name, &pod.metadata.uid) else {
        return Ok(());
    };
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        name: name.clone(),
        uid: uid.clone(),
        block_owner_deletion: None,
        controller: None,
    };
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [owner]}}));
    for secret in names_of(pod).collect::<BTreeSet<_>>() {
        match answer(GIVING, secrets.patch_metadata(secret, &PatchParams::default(), &patch)).await? {
            Ok(_) => {}
            // Somebody removed it.
            Err(error) if is(&error, 404) => {}
            Err(error) => return Err(backend_error(GIVING, error)),
        }
    }
    Ok(())
}

/// Sends what the client does not know to send. Its answer is of no use where it is no error.
async fn send(client: &Client, request: Request<Body>) -> Result<(), kube::Error> {
    let (head, body) = client.send(request).await?.into_parts();
    if head.status.is_success() {
        return Ok(());
    }
    let body = body.collect().await?.to_bytes();
    let status = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| {
        // A proxy's words.
        Status::failure(&String::from_utf8_lossy(&body), "Unknown").with_code(head.status.as_u16())
    });
    Err(kube::Error::Api(status.boxed()))
}

/// Removes the secrets of a namespace that have this label.
pub(crate) async fn remove(client: &Client, namespace: &str, label: &str) -> Result<(), kube::Error> {
    let labelled = ListParams::default().labels(label);
    let url = Secret::url_path(&(), Some(namespace));
    let request = kube::core::Request::new(url).delete_collection(&DeleteParams::default(), &labelled);
    let mut request = request.map_err(kube::Error::BuildRequest)?;
    request.headers_mut().insert(ACCEPT, METADATA_OF_ALL);
    client.request_text(request).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_the_secret_s() {
        let metadata = ObjectMeta { name: Some("task-1".to_owned()), namespace: Some("a".to_owned()), ..ObjectMeta::default() };
        for values in [&[][..], &["hush"], &["hush", "", "\u{0}\"}"]] {
            let data = values.iter().enumerate().map(|(n, value)| (format!("0.{n}"), Content::new((*value).into()))).collect();
            let secret = TaskSecret { metadata: metadata.clone(), kind: "Opaque", data };
            let json = secret.json();
            let read: Secret = serde_json::from_slice(&json).expect("it is a Secret's");
            assert_eq!((read.metadata, read.type_.as_deref(), read.immutable), (metadata.clone(), Some("Opaque"), Some(true)));
            let data: Vec<_> = read.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
            let given: Vec<_> = values.iter().enumerate().map(|(n, value)| (format!("0.{n}"), value.as_bytes().to_vec())).collect();
            assert_eq!(data, given);
        }
    }

    #[test]
    fn its_content_is_not_printed() {
        let data = BTreeMap::from([("0.0".to_owned(), Content::new(b"hush".to_vec()))]);
        let printed = format!("{:?}", TaskSecret { metadata: ObjectMeta::default(), kind: "Opaque", data });
        assert!(!printed.contains("hush") && !printed.contains("104, 117"), "{printed}");
    }
}
