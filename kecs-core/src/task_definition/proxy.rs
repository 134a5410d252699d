//! The App Mesh proxy.

use kecs_model::ApiError;
use kecs_model::ecs::{NetworkMode, ProxyConfigurationType};

use super::{Subject, in_mode, list, refuse, text};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let Some(proxy) = &subject.input.proxy_configuration else { return Ok(()) };
    if let Some(ProxyConfigurationType::Unrecognized(kind)) = &proxy.r#type {
        // Our wording: "The only supported value is APPMESH" (ProxyConfiguration).
        return refuse(format!(
            "Invalid proxy configuration type '{kind}'. Must be one of [{}]",
            ProxyConfigurationType::VALUES.join(",")
        ));
    }
    if *subject.network_mode() != NetworkMode::Awsvpc {
        return refuse(format!("APPMESH proxy configuration is only supported in {}", in_mode(&NetworkMode::Awsvpc)));
    }
    let container = text(proxy.container_name.as_ref());
    if subject.container(container).is_none() {
        return refuse(format!("Proxy container [{container}] does not exist."));
    }
    let has = |wanted: &str| {
        let properties = list(proxy.properties.as_ref());
        properties.iter().any(|property| property.name.as_deref() == Some(wanted) && !text(property.value.as_ref()).is_empty())
    };
    // The first text is AWS's, the wording of the others ours after it.
    for (property, what) in [("ProxyIngressPort", "Ingress port"), ("ProxyEgressPort", "Egress port"), ("AppPorts", "App ports")] {
        if !has(property) {
            return refuse(format!("{what} not found"));
        }
    }
    if !has("IgnoredUID") && !has("IgnoredGID") {
        return refuse("Ignored UID or GID not found");
    }
    Ok(())
}
