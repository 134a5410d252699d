//! The sidecar of a task: AWS on the pod's own loopback.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, ExecAction, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kecs_core::task_spec::NetworkMode;

use super::Context;
use crate::config::Sidecar;

/// Its name, where no container of the task has it.
const NAME: &str = "kecs-sidecar";
/// The program, in its image.
const PROGRAM: &str = "/kecs-sidecar";
/// Nobody, as distroless images have it.
const USER: i64 = 65532;

/// What runs beside the task's containers: it starts before them, ends after them, and does not keep the pod alive. It is no container of the task.
/// None where the node's loopback is the task's: there another task would have it already.
pub(super) fn container(context: &Context<'_>, others: &[Container]) -> Option<Container> {
    let Sidecar { image, kecs_endpoint, image_pull_policy } = context.config.sidecar.as_ref()?;
    if context.spec.network_mode == NetworkMode::Host {
        return None;
    }
    let variable = |name: &str, value: &str| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None };
    let names = std::iter::once(NAME.to_owned()).chain((1..).map(|number| format!("{NAME}-{number}")));
    Some(Container {
        name: names.into_iter().find(|name| others.iter().all(|other| other.name != *name)).unwrap_or_default(),
        image: Some(image.clone()),
        image_pull_policy: image_pull_policy.clone(),
        command: Some(vec![PROGRAM.to_owned()]),
        env: Some(vec![variable("KECS_ENDPOINT", kecs_endpoint), variable("KECS_LOG", "warn")]),
        restart_policy: Some("Always".to_owned()),
        // The containers start when this has succeeded once: what they ask for first is answered.
        startup_probe: Some(Probe {
            exec: Some(ExecAction { command: Some(vec![PROGRAM.to_owned(), "--ready".to_owned()]) }),
            period_seconds: Some(1),
            failure_threshold: Some(30),
            ..Probe::default()
        }),
        resources: Some(ResourceRequirements {
            requests: Some([("cpu", "5m"), ("memory", "8Mi")].map(|(of, much)| (of.to_owned(), Quantity(much.to_owned()))).into()),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    })
}
