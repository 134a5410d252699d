//! What each operation does here, and what it does not do.
//!
//! The table in `docs/operations.md` is generated from this by `cargo xtask operations`. An operation that AWS's model gains stops this from
//! compiling until it has its line.

use kecs_model::ecs::Operation;

use crate::Engine;

/// What KECS makes of one of ECS's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The operation.
    pub operation: Operation,
    /// Whether an [`Engine`] serves it. One that is not served answers a typed error that no SDK retries.
    pub served: bool,
    /// What it does and does not do, in a line. Where it is not served: what it will do, or that it comes later.
    pub note: &'static str,
}

/// Every operation of ECS's model, in the order of their names.
pub fn coverage() -> impl Iterator<Item = Coverage> {
    Operation::ALL.iter().map(|operation| {
        let served = Engine::SERVED.contains(&rust_case(operation.name()).as_str());
        Coverage { operation: *operation, served, note: note(*operation) }
    })
}

/// `DescribeTasks` as `describe_tasks`.
fn rust_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

const DAEMONS: &str = "Managed daemons come later.";
const EXPRESS: &str = "Express Mode comes later.";
const GATEWAYS: &str = "Gateways come later.";

fn note(operation: Operation) -> &'static str {
    use Operation as O;
    match operation {
        O::CreateCluster => {
            "Idempotent. Settings follow the account setting for Container Insights; capacity providers are checked. Nothing is measured for Container Insights."
        }
        O::DeleteCluster => "Refuses a cluster with services, tasks or container instances; an INACTIVE one stays describable.",
        O::DescribeClusters => "With every `include`; counts and statistics are kept, never counted anew.",
        O::ListClusters => "ACTIVE clusters by name, paged.",
        O::UpdateCluster => {
            "Settings, configuration and Service Connect defaults. What execute-command logging says is kept, not acted on."
        }
        O::UpdateClusterSettings => "Settings only.",
        O::PutClusterCapacityProviders => "Replaces the providers and the default strategy. No Auto Scaling group is touched.",

        O::CreateCapacityProvider => "Auto Scaling group and managed instances providers, kept and checked. Nothing is scaled.",
        O::DeleteCapacityProvider => "Refuses one that a cluster uses.",
        O::DescribeCapacityProviders => "FARGATE and FARGATE_SPOT are always there.",
        O::UpdateCapacityProvider => "Keeps the new settings. Nothing is scaled.",

        O::RegisterTaskDefinition => {
            "Checked as AWS does, in its words; derives compatibilities and required attributes. IAM roles are not looked up."
        }
        O::DescribeTaskDefinition => "By family, revision or ARN, whatever the status, with tags.",
        O::DeregisterTaskDefinition => "ACTIVE to INACTIVE; running tasks and services go on.",
        O::DeleteTaskDefinitions => {
            "Up to ten INACTIVE revisions; each goes an hour later, or as many hours later as a task, deployment or task set still uses it."
        }
        O::ListTaskDefinitions => "By exact family and status, either order, paged.",
        O::ListTaskDefinitionFamilies => "By prefix and status, paged.",

        O::RunTask => {
            "One to ten tasks that really run, with overrides, placement, clientToken and propagated tags. Network interfaces and EBS volumes are shown, and are the backend's own."
        }
        O::StartTask => "On container instances that the request names.",
        O::StopTask => "SIGTERM, then SIGKILL after the container's stop timeout. The first reason stands.",
        O::DescribeTasks => "Stopped tasks stay describable for an hour.",
        O::ListTasks => "Every filter, from an index, paged.",
        O::GetTaskProtection => "Of tasks that services run.",
        O::UpdateTaskProtection => "One minute to 48 hours; the scheduler honours it.",
        O::ExecuteCommand => {
            "Sessions that AWS's Session Manager plugin opens, with a terminal or (`--non-interactive`, which AWS refuses) without. Neither encrypted by KMS nor logged."
        }

        O::CreateService => {
            "REPLICA and DAEMON, rolling deployments, circuit breaker, EXTERNAL controller. Load balancers and registries are kept, not acted on. CODE_DEPLOY, blue/green, linear and canary come later."
        }
        O::UpdateService => "Whatever AWS lets change; deploys when the workload changes or by force.",
        O::DeleteService => "DRAINING, then INACTIVE once its tasks have stopped; `force` for one that is not scaled to 0.",
        O::DescribeServices => "With deployments, events and task sets; INACTIVE services stay describable for a while.",
        O::ListServices => "By launch type, scheduling strategy and resource management type, paged.",
        O::ListServicesByNamespace => "By the namespace of Service Connect.",

        O::ListServiceDeployments => "By status and creation time, paged.",
        O::DescribeServiceDeployments => "With the task counts of source and target revisions.",
        O::DescribeServiceRevisions => "As deployed. Image digests are those that the runtime reports.",
        O::StopServiceDeployment => "ROLLBACK and ABORT.",
        O::ContinueServiceDeployment => "Deployments do not pause yet: comes with lifecycle hooks.",

        O::CreateTaskSet => "For services with the EXTERNAL controller. No traffic is shifted.",
        O::DeleteTaskSet => "By force or once it is scaled to 0.",
        O::DescribeTaskSets => "With stability and counts.",
        O::UpdateServicePrimaryTaskSet => "Makes a task set PRIMARY.",
        O::UpdateTaskSet => "Its scale, in percent.",

        O::RegisterContainerInstance => "A real registry; the identity document is not verified.",
        O::DeregisterContainerInstance => "By force while tasks run on it.",
        O::DescribeContainerInstances => "With remaining resources, counts and attributes.",
        O::ListContainerInstances => "By status and by cluster query language, paged.",
        O::UpdateContainerInstancesState => "DRAINING moves the tasks of services and task sets away.",
        O::UpdateContainerAgent => "There is no agent to update: answers that no update is available.",

        O::PutAttributes => "Custom attributes of container instances, for placement.",
        O::DeleteAttributes => "Custom attributes only.",
        O::ListAttributes => "By name and value, paged.",

        O::TagResource => "Clusters, services, tasks, task definitions, task sets, container instances and capacity providers.",
        O::UntagResource => "The same resources; the prefix `aws:` is reserved.",
        O::ListTagsForResource => "The same resources.",

        O::PutAccountSetting => {
            "Every setting, per principal. ARNs have the long format whatever the settings say; only Container Insights has an effect."
        }
        O::PutAccountSettingDefault => "For all principals without a setting of their own.",
        O::DeleteAccountSetting => "The account's default holds again.",
        O::ListAccountSettings => "Own or effective settings, by name and value, paged.",

        O::DiscoverPollEndpoint => {
            "The endpoint that the client called. No session of the agent (ACS, TCS) is behind it: the backend runs the tasks of instances."
        }
        O::SubmitTaskStateChange => "Shown; a task that its agent reports STOPPED is stopped.",
        O::SubmitContainerStateChange => "Shown, for tasks on container instances.",
        O::SubmitAttachmentStateChanges => "Checked and acknowledged; attachments are the backend's.",

        O::CreateExpressGatewayService
        | O::DeleteExpressGatewayService
        | O::DescribeExpressGatewayService
        | O::UpdateExpressGatewayService => EXPRESS,

        O::CreateDaemon
        | O::DeleteDaemon
        | O::DeleteDaemonTaskDefinition
        | O::DescribeDaemon
        | O::DescribeDaemonDeployments
        | O::DescribeDaemonRevisions
        | O::DescribeDaemonTaskDefinition
        | O::ListDaemonDeployments
        | O::ListDaemonTaskDefinitions
        | O::ListDaemons
        | O::RegisterDaemonTaskDefinition
        | O::UpdateDaemon => DAEMONS,

        O::AssociateGatewayWithCluster
        | O::CreateGateway
        | O::DeleteGateway
        | O::DescribeGateway
        | O::DescribeGatewayResources
        | O::DescribeGatewayRoute
        | O::DisassociateGatewayFromCluster
        | O::ListGatewayClusterAssociations
        | O::ListGatewayRoutes
        | O::ListGateways
        | O::UpdateGateway => GATEWAYS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_served_operation_is_one_of_the_model() {
        let served = coverage().filter(|coverage| coverage.served).count();
        assert_eq!(served, Engine::SERVED.len());
    }

    #[test]
    fn no_operation_that_is_served_is_said_to_come_later() {
        for note in [DAEMONS, EXPRESS, GATEWAYS] {
            let late: Vec<_> = coverage().filter(|coverage| coverage.served && coverage.note == note).collect();
            assert_eq!(late, []);
        }
    }
}
