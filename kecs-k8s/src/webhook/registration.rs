//! How the API server is told of the webhook, as a pure function.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::config::{FailurePolicy, WebhookAddress};
use super::inject::ANNOTATION;
use crate::names;

/// The label of namespaces whose pods are looked at; its name is the annotation's.
const LABEL_VALUE: &str = "enabled";
/// The path of questions.
pub(crate) const PATH: &str = "/inject";
/// How long an API server waits for the answer, in seconds. It takes a millisecond, and each pod that asks waits for it.
const TIMEOUT: i32 = 3;

/// What is registered for the KECS of this prefix; `bundle` is the authorities in PEM.
pub(crate) fn registration(
    prefix: &str,
    address: &WebhookAddress,
    failure: FailurePolicy,
    bundle: &str,
) -> MutatingWebhookConfiguration {
    let (service, url) = match address {
        WebhookAddress::Service { namespace, name, port } => {
            let service = ServiceReference {
                namespace: namespace.clone(),
                name: name.clone(),
                path: Some(PATH.to_owned()),
                port: Some(i32::from(*port)),
            };
            (Some(service), None)
        }
        WebhookAddress::Url { host, port } if host.contains(':') => (None, Some(format!("https://[{host}]:{port}{PATH}"))),
        WebhookAddress::Url { host, port } => (None, Some(format!("https://{host}:{port}{PATH}"))),
    };
    let in_labelled_namespaces =
        LabelSelector { match_labels: Some([(ANNOTATION.to_owned(), LABEL_VALUE.to_owned())].into()), ..LabelSelector::default() };
    let but_not_tasks = LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: names::TASK_LABEL.to_owned(),
            operator: "DoesNotExist".to_owned(),
            values: None,
        }]),
        ..LabelSelector::default()
    };
    let name = name(prefix);
    // Not who manages it: that may be who installs KECS.
    let labels = [(names::OWNER_LABEL.to_owned(), prefix.to_owned())];
    MutatingWebhookConfiguration {
        metadata: ObjectMeta { name: Some(name), labels: Some(labels.into()), ..ObjectMeta::default() },
        webhooks: Some(vec![MutatingWebhook {
            name: "aws-proxy.kecs.io".to_owned(),
            admission_review_versions: vec!["v1".to_owned()],
            client_config: WebhookClientConfig { ca_bundle: Some(ByteString(bundle.as_bytes().to_vec())), service, url },
            failure_policy: Some(failure.to_string()),
            // The API server asks for those pods only that ask themselves. Before Kubernetes 1.30 it does not know this, and asks for all.
            match_conditions: Some(vec![MatchCondition {
                name: "asks-for-it".to_owned(),
                expression: format!(
                    "has(object.metadata.annotations) && '{ANNOTATION}' in object.metadata.annotations && object.metadata.annotations['{ANNOTATION}'] == 'true'"
                ),
            }]),
            match_policy: Some("Equivalent".to_owned()),
            namespace_selector: Some(in_labelled_namespaces),
            object_selector: Some(but_not_tasks),
            reinvocation_policy: Some("IfNeeded".to_owned()),
            rules: Some(vec![RuleWithOperations {
                api_groups: Some(vec![String::new()]),
                api_versions: Some(vec!["v1".to_owned()]),
                operations: Some(vec!["CREATE".to_owned()]),
                resources: Some(vec!["pods".to_owned()]),
                scope: Some("Namespaced".to_owned()),
            }]),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(TIMEOUT),
        }]),
    }
}

/// What the registration is called.
pub(crate) fn name(prefix: &str) -> String {
    format!("{prefix}-aws-proxy")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // The reference of MutatingWebhookConfiguration v1.
    #[test]
    fn only_pods_that_ask_in_labelled_namespaces_are_asked_for_and_without_an_answer_they_stay_as_they_are() {
        let address = WebhookAddress::Service { namespace: "kecs-system".to_owned(), name: "kecs".to_owned(), port: 443 };
        let made = serde_json::to_value(registration("kecs", &address, FailurePolicy::Ignore, "PEM")).unwrap();
        assert_eq!(made["metadata"]["name"], "kecs-aws-proxy");
        let webhook = &made["webhooks"][0];
        let service = json!({"namespace": "kecs-system", "name": "kecs", "path": "/inject", "port": 443});
        assert_eq!(webhook["clientConfig"], json!({"caBundle": "UEVN", "service": service}));
        assert_eq!(webhook["namespaceSelector"], json!({"matchLabels": {"kecs.io/inject-aws-proxy": "enabled"}}));
        assert_eq!(
            webhook["objectSelector"],
            json!({"matchExpressions": [{"key": "kecs.io/task-id", "operator": "DoesNotExist"}]})
        );
        assert_eq!(
            (&webhook["failurePolicy"], &webhook["sideEffects"], &webhook["reinvocationPolicy"]),
            (&json!("Ignore"), &json!("None"), &json!("IfNeeded"))
        );
        let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "Namespaced"});
        assert_eq!(webhook["rules"], json!([rule]));
    }

    #[test]
    fn outside_the_cluster_it_is_a_url() {
        let address = WebhookAddress::Url { host: "10.88.0.1".to_owned(), port: 9443 };
        let made = serde_json::to_value(registration("kecs", &address, FailurePolicy::Fail, "PEM")).unwrap();
        let webhook = &made["webhooks"][0];
        assert_eq!(webhook["clientConfig"], json!({"caBundle": "UEVN", "url": "https://10.88.0.1:9443/inject"}));
        assert_eq!(webhook["failurePolicy"], "Fail");
        let address = WebhookAddress::Url { host: "fd00::1".to_owned(), port: 9443 };
        let made = serde_json::to_value(registration("kecs", &address, FailurePolicy::Fail, "PEM")).unwrap();
        assert_eq!(made["webhooks"][0]["clientConfig"]["url"], "https://[fd00::1]:9443/inject");
    }
}
