//! One container.

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, ContainerRestartRuleOnExitCodes};
use kecs_core::BackendError;
use kecs_core::task_spec::{Condition, ContainerSpec, LinuxParameters, RestartPolicy};

use super::environment::{self, SecretData};
use super::text::literals;
use super::volumes::VolumePlans;
use super::{Abilities, ChoosePort, Context, health, network, resources, security, unsupported};
use crate::names;
use crate::plan::{ContainerPlan, HealthPlan, Need};

pub(super) fn plan(
    index: usize,
    container: &ContainerSpec,
    context: &Context<'_>,
    volumes: &mut VolumePlans,
    secret: &mut SecretData,
    choose: ChoosePort<'_>,
) -> Result<(Container, ContainerPlan), BackendError> {
    let ContainerSpec {
        name,
        image,
        registry_credentials: _, // the task's, by `registry::secret`
        entry_point,
        command,
        working_directory,
        user,
        hostname: _, // the pod's, by `manifest`
        environment,
        essential,
        depends_on,
        start_timeout,
        stop_timeout,
        restart,
        health_check,
        cpu,
        memory,
        memory_reservation,
        gpus,
        ports,
        mounts: _,    // by `volumes.mounts`
        artifacts: _, // by `volumes.mounts`; their content comes when the task is created
        volumes_from,
        links,
        ulimits: _, // a pod cannot say them; a container has those of the container runtime
        linux:
            LinuxParameters {
                add_capabilities: _, // by `security`
                drop_capabilities: _,
                devices: _,       // by `volumes.mounts`
                init_process: _,  // the pod's, by `manifest`
                shared_memory: _, // by `volumes.mounts`
                tmpfs: _,
                max_swap: _, // swap is the node's to give
                swappiness: _,
            },
        privileged: _, // by `security`
        readonly_root: _,
        dns_servers: _, // the pod's, by `network`
        dns_search: _,
        extra_hosts: _,
        disable_networking,
        security_options: _, // by `security`
        interactive,
        pseudo_terminal,
        labels: _,          // an annotation of the pod
        sysctls: _,         // the pod's, by `manifest`
        log: _,             // output is always kept; core forwards it
        blocking_output: _, // a kubelet keeps what it keeps, and holds nobody up
        log_router: _,      // by `volumes.mounts` and `log_router`
    } = container;
    if *disable_networking {
        return Err(unsupported(format_args!("disableNetworking (container {name}): a pod has a network")));
    }
    let (ports, bindings) = network::ports(ports, context.spec.network_mode, choose)?;
    let (restart_policy, restart_policy_rules) = restarts(restart.as_ref(), context.abilities, name)?;
    let started = |container: &str| Need { container: container.to_owned(), condition: Condition::Start };
    let needs: Vec<Need> = depends_on
        .iter()
        .map(|need| Need { container: need.container.clone(), condition: need.condition })
        .chain(volumes_from.iter().map(|(other, _)| started(other)))
        .chain(links.iter().map(|link| started(link.split_once(':').map_or(link.as_str(), |(other, _)| other))))
        .collect();
    let part = Container {
        name: names::part(name),
        image: Some(if needs.is_empty() { image.clone() } else { names::WAITING_IMAGE.to_owned() }),
        image_pull_policy: Some(pull_policy(context.config.image_pull_policy.as_deref(), image)),
        command: entry_point.as_deref().filter(|words| !words.is_empty()).map(literals),
        args: command.as_deref().filter(|words| !words.is_empty()).map(literals),
        working_dir: working_directory.clone().filter(|path| !path.is_empty()),
        env: environment::variables(index, environment, &names::pod(context.spec.task.id), secret),
        resources: resources::of_container(*cpu, *memory, *memory_reservation, *gpus, &context.config.gpu_resource),
        ports: Some(ports).filter(|ports| !ports.is_empty()),
        readiness_probe: health_check.as_ref().map(health::probe),
        restart_policy,
        restart_policy_rules,
        security_context: security::context(container, user.as_deref())?,
        stdin: interactive.then_some(true),
        tty: pseudo_terminal.then_some(true),
        volume_mounts: volumes.mounts(index, container, context)?,
        ..Container::default()
    };
    let plan = ContainerPlan {
        name: name.clone(),
        part: part.name.clone(),
        image: image.clone(),
        essential: *essential,
        needs,
        start_timeout: *start_timeout,
        stop_timeout: *stop_timeout,
        restart: restart.as_ref().map(Into::into),
        health: health_check.as_ref().map(|check| HealthPlan {
            interval: check.interval,
            timeout: check.timeout,
            retries: check.retries.max(1),
            start_period: check.start_period,
        }),
        bindings,
    };
    Ok((part, plan))
}

/// Kubernetes decides by the image that a container is created with, and ours may be one that stands for waiting: so its rule is applied
/// here to the real one.
fn pull_policy(configured: Option<&str>, image: &str) -> String {
    if let Some(policy) = configured {
        return policy.to_owned();
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    let is_latest = !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    if is_latest { "Always" } else { "IfNotPresent" }.to_owned()
}

type Restarts = (Option<String>, Option<Vec<ContainerRestartRule>>);

/// The kubelet restarts by exit code; whether the container had run for long enough is for us to see.
fn restarts(policy: Option<&RestartPolicy>, abilities: Abilities, name: &str) -> Result<Restarts, BackendError> {
    let Some(RestartPolicy { ignored_exit_codes, attempt_period: _ }) = policy else { return Ok((None, None)) };
    if !abilities.container_restarts {
        return Err(unsupported(format_args!("restartPolicy (container {name}) before Kubernetes 1.35")));
    }
    if ignored_exit_codes.is_empty() {
        return Ok((Some("Always".to_owned()), None));
    }
    let rule = ContainerRestartRule {
        action: "Restart".to_owned(),
        exit_codes: Some(ContainerRestartRuleOnExitCodes {
            operator: "NotIn".to_owned(),
            values: Some(ignored_exit_codes.clone()),
        }),
    };
    Ok((Some("Never".to_owned()), Some(vec![rule])))
}
