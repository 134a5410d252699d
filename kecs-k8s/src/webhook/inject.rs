//! From a pod that is about to be created to what is added to it, as a pure function.

use k8s_openapi::api::core::v1::{Container, EnvVar, Pod, PodSpec};
use serde_json::{Value, json};

use crate::config::Sidecar;
use crate::names;
use crate::pod::sidecar::{beside, is_ours};

/// By which a pod asks for the sidecar, with the value `true`.
pub(crate) const ANNOTATION: &str = "kecs.io/inject-aws-proxy";
/// Where the containers of such a pod find AWS. Unlike in tasks a name, which is what people write into their own configuration.
const ENDPOINT: &str = "http://localhost:4566";

/// What is added to pods.
#[derive(Clone, Debug)]
pub(crate) struct Injection {
    pub(crate) sidecar: Sidecar,
    /// Of the containers that name none.
    pub(crate) region: String,
}

/// What becomes of a pod. It is never refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It stays as it is: it did not ask, is a task's, or has everything already.
    Untouched,
    /// These operations of a JSON patch (RFC 6902), in this order.
    Patched(Vec<Value>),
    /// It stays as it is although it asked, and whoever creates it is told why.
    Warned(String),
}

impl Injection {
    /// What becomes of a pod, in its JSON form. Only what is read here needs to be as expected.
    pub(crate) fn verdict(&self, pod: &Value) -> Verdict {
        if pod.pointer("/metadata/annotations").and_then(|all| all.get(ANNOTATION)) != Some(&json!("true")) {
            return Verdict::Untouched;
        }
        // A task has its own sidecar, or none for a reason.
        if pod.pointer("/metadata/labels").is_some_and(|all| all.get(names::TASK_LABEL).is_some()) {
            return Verdict::Untouched;
        }
        // Out of its text, as the client reads pods: to read one out of a `Value` would make the program half a megabyte larger. The error is not told, since
        // it could quote a value.
        let Ok(Pod { spec: Some(spec), .. }) = serde_json::from_str::<Pod>(&pod.to_string()) else {
            return Verdict::Warned("the AWS proxy was not injected: the pod has a form that KECS does not know".to_owned());
        };
        if spec.host_network == Some(true) {
            let why = "the AWS proxy was not injected: with hostNetwork its port would be the node's";
            return Verdict::Warned(why.to_owned());
        }
        if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
            return Verdict::Warned("the AWS proxy was not injected: it is a program for Linux".to_owned());
        }
        match self.patch(&spec) {
            operations if operations.is_empty() => Verdict::Untouched,
            operations => Verdict::Patched(operations),
        }
    }

    fn patch(&self, spec: &PodSpec) -> Vec<Value> {
        let first = spec.init_containers.as_deref().unwrap_or_default();
        let mut operations = Vec::new();
        // Where the sidecar is in the end, and how far the others have moved because of that.
        let (position, moved) = if let Some(position) = first.iter().position(is_ours) {
            (position, 0)
        } else {
            let sidecar = beside(&self.sidecar, &first.iter().chain(&spec.containers));
            // In front, so that init containers have AWS too.
            operations.push(match spec.init_containers {
                Some(_) => json!({"op": "add", "path": "/spec/initContainers/0", "value": sidecar}),
                None => json!({"op": "add", "path": "/spec/initContainers", "value": [sidecar]}),
            });
            (0, 1)
        };
        // What another webhook put in front of it later ends before there is anything to be called.
        let later = first.iter().enumerate().map(|(index, container)| (index + moved, container));
        for (index, container) in later.filter(|(index, _)| *index > position) {
            operations.extend(self.variables(container, &format!("/spec/initContainers/{index}/env")));
        }
        for (index, container) in spec.containers.iter().enumerate() {
            operations.extend(self.variables(container, &format!("/spec/containers/{index}/env")));
        }
        operations
    }

    /// The variables that a task's container gets too, as far as they are not set. What `envFrom` brings cannot be seen from here, and a variable of
    /// one's own wins over it: such a container only gets what the pod asked for.
    fn variables(&self, container: &Container, path: &str) -> Vec<Value> {
        let has = |name: &str| container.env.iter().flatten().any(|variable| variable.name == name);
        let mut wanted = vec![("AWS_ENDPOINT_URL", ENDPOINT)];
        if container.env_from.as_ref().is_none_or(Vec::is_empty) {
            // Of these two an SDK takes the one that it knows: one alone must not be contradicted.
            if !has("AWS_REGION") && !has("AWS_DEFAULT_REGION") {
                wanted.extend([("AWS_REGION", self.region.as_str()), ("AWS_DEFAULT_REGION", &self.region)]);
            }
            wanted.push(("AWS_EC2_METADATA_DISABLED", "true"));
        }
        let added: Vec<EnvVar> = wanted
            .into_iter()
            .filter(|(name, _)| !has(name))
            .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None })
            .collect();
        match (&container.env, added.is_empty()) {
            (_, true) => Vec::new(),
            (None, false) => vec![json!({"op": "add", "path": path, "value": added})],
            (Some(_), false) => added.iter().map(|one| json!({"op": "add", "path": format!("{path}/-"), "value": one})).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
