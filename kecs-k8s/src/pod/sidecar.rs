//! The sidecar: AWS on a pod's own loopback, beside the containers of a task or, by the webhook, those of any pod that asks for it.

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

/// What runs beside the task's containers. It is no container of the task. None where the node's loopback is the task's: there another task would have it
/// already.
pub(super) fn container(context: &Context<'_>, others: &[Container]) -> Option<Container> {
    let sidecar = context.config.sidecar.as_ref()?;
    (context.spec.network_mode != NetworkMode::Host).then(|| beside(sidecar, &others.iter()))
}

/// The sidecar of a pod with these containers: it starts before them, ends after them, and does not keep the pod alive.
pub(crate) fn beside<'a>(sidecar: &Sidecar, others: &(impl Iterator<Item = &'a Container> + Clone)) -> Container {
    let Sidecar { image, kecs_endpoint, image_pull_policy } = sidecar;
    let variable = |name: &str, value: &str| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None };
    let names = std::iter::once(NAME.to_owned()).chain((1..).map(|number| format!("{NAME}-{number}")));
    Container {
        name: names.into_iter().find(|name| others.clone().all(|other| other.name != *name)).unwrap_or_default(),
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
    }
}

/// Whether an init container is a sidecar of ours, whatever it is called: nothing but the program tells.
pub(crate) fn is_ours(container: &Container) -> bool {
    container.command.as_ref().is_some_and(|command| command.first().is_some_and(|program| program == PROGRAM))
        && container.restart_policy.as_deref() == Some("Always")
}
