//! Amazon Resource Names: taken apart and put together.

use std::fmt;

use crate::{Scope, TaskId};

/// An ARN's parts, as they stand in the text: `arn:partition:service:region:account:resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// Such as `aws`.
    pub partition: &'a str,
    /// Such as `ecs`.
    pub service: &'a str,
    /// Such as `us-east-1`; empty for global services.
    pub region: &'a str,
    /// Twelve digits; empty where a service has none.
    pub account: &'a str,
    /// The rest, colons and slashes included.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Takes a text apart; `None` where it is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let [prefix, partition, service, region, account, resource] = std::array::from_fn(|_| parts.next());
        (prefix? == "arn").then_some(Self {
            partition: partition?,
            service: service?,
            region: region?,
            account: account?,
            resource: resource?,
        })
    }

    /// The resource of an ECS ARN of this scope: its type, and what follows the first `/`. `None` for an ARN of another service,
    /// account or region.
    pub fn ecs_resource(&self, scope: &Scope) -> Option<(&'a str, &'a str)> {
        let ours = self.service == "ecs" && self.region == &*scope.region && self.account == &*scope.account;
        if ours { self.resource.split_once('/') } else { None }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// Makes the long-format ARNs of a scope's ECS resources.
impl Scope {
    fn ecs_arn(&self, resource: fmt::Arguments<'_>) -> String {
        format!("arn:{}:ecs:{}:{}:{resource}", self.partition(), self.region, self.account)
    }

    /// The ARN of a role that is named by it or, in this account, by its short name.
    pub fn role_arn(&self, role: &str) -> String {
        match Arn::parse(role) {
            Some(_) => role.to_owned(),
            None => format!("arn:{}:iam::{}:role/{role}", self.partition(), self.account),
        }
    }

    /// `cluster/<name>`.
    pub fn cluster_arn(&self, cluster: &str) -> String {
        self.ecs_arn(format_args!("cluster/{cluster}"))
    }

    /// `task-definition/<family>:<revision>`.
    pub fn task_definition_arn(&self, family: &str, revision: i32) -> String {
        self.ecs_arn(format_args!("task-definition/{family}:{revision}"))
    }

    /// `task/<cluster>/<id>`.
    pub fn task_arn(&self, cluster: &str, id: TaskId) -> String {
        self.ecs_arn(format_args!("task/{cluster}/{id}"))
    }

    /// `container/<cluster>/<task id>/<id>`.
    pub fn container_arn(&self, cluster: &str, task: TaskId, id: &str) -> String {
        self.ecs_arn(format_args!("container/{cluster}/{task}/{id}"))
    }

    /// `service/<cluster>/<name>`.
    pub fn service_arn(&self, cluster: &str, service: &str) -> String {
        self.ecs_arn(format_args!("service/{cluster}/{service}"))
    }

    /// `service-deployment/<cluster>/<service>/<id>`.
    pub fn service_deployment_arn(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs_arn(format_args!("service-deployment/{cluster}/{service}/{id}"))
    }

    /// `service-revision/<cluster>/<service>/<number>`.
    pub fn service_revision_arn(&self, cluster: &str, service: &str, number: &str) -> String {
        self.ecs_arn(format_args!("service-revision/{cluster}/{service}/{number}"))
    }

    /// `task-set/<cluster>/<service>/<id>`.
    pub fn task_set_arn(&self, cluster: &str, service: &str, id: &str) -> String {
        self.ecs_arn(format_args!("task-set/{cluster}/{service}/{id}"))
    }

    /// `container-instance/<cluster>/<id>`.
    pub fn container_instance_arn(&self, cluster: &str, id: &str) -> String {
        self.ecs_arn(format_args!("container-instance/{cluster}/{id}"))
    }

    /// `capacity-provider/<name>`.
    pub fn capacity_provider_arn(&self, name: &str) -> String {
        self.ecs_arn(format_args!("capacity-provider/{name}"))
    }
}
