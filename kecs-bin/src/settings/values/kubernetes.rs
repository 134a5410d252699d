//! Values that are Kubernetes' own.

use std::net::Ipv6Addr;

use kecs_core::{ClusterRef, Scope};
use kecs_k8s::{EfsBacking, FailurePolicy, NodeInstances, PodStats, VolumeClass, WebhookAddress};

use super::{BadValue, bad};

/// The port of a webhook's Service: the default of the API (`ServiceReference`).
const WEBHOOK_SERVICE_PORT: u16 = 443;

/// As `KubernetesConfig` has it.
pub(crate) fn prefix(text: &str) -> Result<String, BadValue> {
    let fits = text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits && text.starts_with(|first: char| first.is_ascii_lowercase()) && !text.ends_with('-') {
        return Ok(text.to_owned());
    }
    bad(format!("'{text}' is not up to 20 lower-case letters, digits and hyphens that begin with a letter"))
}

pub(crate) fn namespace(text: &str) -> Result<String, BadValue> {
    if text.len() <= 63 && is_label(text) {
        return Ok(text.to_owned());
    }
    bad(format!("'{text}' is not up to 63 lower-case letters, digits and hyphens, none of which is at an end"))
}

/// An image whose tag is chosen elsewhere.
pub(crate) fn untagged_image(text: &str) -> Result<String, BadValue> {
    let name = text.rsplit('/').next().unwrap_or_default();
    if name.is_empty() || text.contains(['@', ' ']) || name.contains(':') {
        return bad(format!("'{text}' is not the name of an image without a tag, which is the version of LocalStack"));
    }
    Ok(text.to_owned())
}

pub(crate) fn pull_policy(text: &str) -> Result<String, BadValue> {
    match text {
        "Always" | "IfNotPresent" | "Never" => Ok(text.to_owned()),
        other => bad(format!("'{other}' is not one of Always, IfNotPresent, Never")),
    }
}

/// What stands for Amazon EFS.
pub(crate) fn efs(text: &str) -> Result<EfsBacking, BadValue> {
    if let Some(class) = text.strip_prefix("class:") {
        let mut backing = VolumeClass::default();
        backing.storage_class = Some(storage_class(class)?);
        return Ok(EfsBacking::Class(backing));
    }
    let nfs = text.strip_prefix("nfs://").and_then(|rest| rest.split_once('/'));
    match nfs {
        Some((server, path)) if !server.is_empty() && !server.contains([' ', '@']) && !path.contains(' ') => {
            Ok(EfsBacking::Nfs { server: server.to_owned(), path: format!("/{}", path.trim_matches('/')) })
        }
        _ => bad(format!("'{text}' is neither class:NAME, with the name of a StorageClass, nor nfs://SERVER/PATH")),
    }
}

/// Which nodes are container instances, of clusters of this account and region.
pub(crate) fn nodes(text: &str, scope: &Scope) -> Result<NodeInstances, BadValue> {
    match (text, text.strip_prefix("cluster:")) {
        ("off" | "false", _) => Ok(NodeInstances::None),
        ("labelled", _) => Ok(NodeInstances::Labelled(scope.clone())),
        (_, Some(name)) if is_cluster_name(name) => Ok(NodeInstances::All(ClusterRef { scope: scope.clone(), name: name.into() })),
        _ => bad(format!("'{text}' is not off, labelled or cluster:NAME, with the name of an ECS cluster")),
    }
}

/// "Up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens" (CreateCluster).
fn is_cluster_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The name of a StorageClass: "must be a valid DNS subdomain name" ("Object Names and IDs").
pub(crate) fn storage_class(text: &str) -> Result<String, BadValue> {
    if is_subdomain(text) {
        return Ok(text.to_owned());
    }
    bad(format!("'{text}' is not the name of a StorageClass: write up to 253 lower-case letters, digits, hyphens and dots"))
}

/// A resource or a label: an optional DNS subdomain and a slash, and up to 63 characters that begin and end with a letter or digit ("Labels and
/// Selectors", syntax).
pub(crate) fn qualified_name(text: &str) -> Result<String, BadValue> {
    let (domain, name) = text.split_once('/').map_or((None, text), |(domain, name)| (Some(domain), name));
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let named = name.len() <= 63 && name.bytes().all(inner) && ends(name.bytes().next()) && ends(name.bytes().last());
    if named && domain.is_none_or(is_subdomain) {
        return Ok(text.to_owned());
    }
    bad(format!("'{text}' is not a name as Kubernetes has for labels and resources, such as example.com/name"))
}

/// Where the API server reaches the webhook; `None` where there is to be none.
pub(crate) fn webhook(text: &str) -> Result<Option<WebhookAddress>, BadValue> {
    if matches!(text, "off" | "false") {
        return Ok(None);
    }
    let address = match text.strip_prefix("https://") {
        Some(authority) => webhook_url(authority),
        None => webhook_service(text),
    };
    match address {
        Some(address) => Ok(Some(address)),
        None => bad(format!("'{text}' is not off, NAMESPACE/SERVICE or a URL such as https://10.0.0.1:9443")),
    }
}

fn webhook_url(authority: &str) -> Option<WebhookAddress> {
    let (host, port) = authority.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok().then_some(address)?,
        None => is_subdomain(host).then_some(host)?,
    };
    Some(WebhookAddress::Url { host: host.to_owned(), port })
}

fn webhook_service(text: &str) -> Option<WebhookAddress> {
    let (namespace, name) = text.split_once('/')?;
    let (namespace, name) = (self::namespace(namespace).ok()?, self::namespace(name).ok()?);
    Some(WebhookAddress::Service { namespace, name, port: WEBHOOK_SERVICE_PORT })
}

/// What becomes of pods that ask for a sidecar while the webhook does not answer.
pub(crate) fn failure_policy(text: &str) -> Result<FailurePolicy, BadValue> {
    match text {
        "Ignore" => Ok(FailurePolicy::Ignore),
        "Fail" => Ok(FailurePolicy::Fail),
        other => bad(format!("'{other}' is not one of Ignore, Fail")),
    }
}

/// Whether kubelets are asked what pods use.
pub(crate) fn pod_stats(text: &str) -> Result<PodStats, BadValue> {
    match text {
        "off" => Ok(PodStats::Off),
        "verified" => Ok(PodStats::Verified),
        "unverified" => Ok(PodStats::Unverified),
        other => bad(format!("'{other}' is not one of off, verified, unverified")),
    }
}

/// A DNS subdomain ("Object Names and IDs"): labels with dots in between. Only the whole has a limit there.
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A DNS label, but for its length.
fn is_label(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(letter) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_no_tag_where_the_version_is_the_tag() {
        for name in ["localstack/localstack", "registry.test:5000/localstack"] {
            assert!(untagged_image(name).is_ok(), "{name}");
        }
        for name in ["localstack/localstack:latest", "localstack@sha256:0", "registry.test/", ""] {
            assert!(untagged_image(name).is_err(), "{name}");
        }
    }

    #[test]
    fn efs_is_claims_of_a_class_or_folders_of_a_server() {
        let EfsBacking::Class(class) = efs("class:efs-sc").ok().unwrap() else { panic!("no class") };
        assert_eq!(class.storage_class.as_deref(), Some("efs-sc"));
        let nfs = efs("nfs://nas.example.com/exports/efs/").ok().unwrap();
        assert_eq!(nfs, EfsBacking::Nfs { server: "nas.example.com".to_owned(), path: "/exports/efs".to_owned() });
        for text in ["", "efs-sc", "class:", "class:No", "nfs://", "nfs:///exports", "nfs://server", "nfs://me@server/exports"] {
            assert!(efs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nodes_are_instances_by_their_label_or_all_of_one_cluster() {
        let scope = Scope::new("111122223333", "eu-west-1");
        let read = |text| nodes(text, &scope).ok();
        assert_eq!(read("off"), Some(NodeInstances::None));
        assert_eq!(read("labelled"), Some(NodeInstances::Labelled(scope.clone())));
        let default = ClusterRef { scope: scope.clone(), name: "default".into() };
        assert_eq!(read("cluster:default"), Some(NodeInstances::All(default)));
        for text in ["", "on", "cluster:", "cluster:a b", "default"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_webhook_is_reached_by_a_service_or_a_url() {
        let read = |text: &str| webhook(text).ok();
        assert_eq!(read("off"), Some(None));
        let service = WebhookAddress::Service { namespace: "kecs-system".to_owned(), name: "kecs".to_owned(), port: 443 };
        assert_eq!(read("kecs-system/kecs"), Some(Some(service)));
        for (text, host) in [
            ("https://10.88.0.1:9443", "10.88.0.1"),
            ("https://kecs.test:9443", "kecs.test"),
            ("https://[fd00::1]:9443", "fd00::1"),
        ] {
            assert_eq!(read(text), Some(Some(WebhookAddress::Url { host: host.to_owned(), port: 9443 })), "{text}");
        }
        for text in [
            "",
            "on",
            "kecs",
            "a/b/c",
            "/kecs",
            "http://kecs:1",
            "https://kecs",
            "https://:1",
            "https://kecs:1/path",
            "https://kecs:x",
            "https://fd00::1:9443",
            "https://me@kecs:1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn labels_and_resources_are_qualified_names() {
        for name in ["nvidia.com/gpu", "kecs.io/instance", "zone", "a/B_c.d-e"] {
            assert!(qualified_name(name).is_ok(), "{name}");
        }
        for name in ["", "/gpu", "nvidia.com/", "Nvidia.com/gpu", "-gpu", "gpu.", "a/b/c", "with space", &"a".repeat(64)] {
            assert!(qualified_name(name).is_err(), "{name}");
        }
    }
}
