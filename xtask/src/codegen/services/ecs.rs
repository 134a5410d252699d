//! Amazon ECS: operation groups and patches to its model.

use super::{AWS_JSON, Service};

pub(super) const SERVICE: Service = Service {
    module: "ecs",
    botocore: "ecs",
    api_version: "2014-11-13",
    protocol: &AWS_JSON,
    reference: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/",
    groups: GROUPS,
    redacted: REDACTED,
    error_texts: ERROR_TEXTS,
};

const REDACTED: &[(&str, &str, &str)] = &[
    ("KeyValuePair", "value", "the value of an environment variable"),
    ("LogConfiguration", "options", "log drivers take tokens here, such as splunk-token"),
    ("FirelensConfiguration", "options", "output plugins take credentials here"),
    ("DockerVolumeConfiguration", "driverOpts", "volume drivers take passwords here, such as those of CIFS mounts"),
    ("Session", "streamUrl", "together with the token it opens a session inside a container"),
];

/// As ECS sends them; see the errors of each operation in the API reference, and the SDKs' issue trackers.
const ERROR_TEXTS: &[(&str, &str)] = &[
    ("ClusterNotFoundException", "Cluster not found."),
    ("ServerException", "Service Unavailable. Please try again later."),
    ("ServiceNotActiveException", "Service was not ACTIVE."),
    ("ServiceNotFoundException", "Service not found."),
];

const GROUPS: &[(&str, &[&str])] = &[
    (
        "clusters",
        &[
            "CreateCluster",
            "DeleteCluster",
            "DescribeClusters",
            "ListClusters",
            "PutClusterCapacityProviders",
            "UpdateCluster",
            "UpdateClusterSettings",
        ],
    ),
    (
        "task definitions",
        &[
            "DeleteTaskDefinitions",
            "DeregisterTaskDefinition",
            "DescribeTaskDefinition",
            "ListTaskDefinitionFamilies",
            "ListTaskDefinitions",
            "RegisterTaskDefinition",
        ],
    ),
    (
        "tasks",
        &[
            "DescribeTasks",
            "ExecuteCommand",
            "GetTaskProtection",
            "ListTasks",
            "RunTask",
            "StartTask",
            "StopTask",
            "UpdateTaskProtection",
        ],
    ),
    (
        "services",
        &["CreateService", "DeleteService", "DescribeServices", "ListServices", "ListServicesByNamespace", "UpdateService"],
    ),
    (
        "service deployments",
        &[
            "ContinueServiceDeployment",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "ListServiceDeployments",
            "StopServiceDeployment",
        ],
    ),
    ("task sets", &["CreateTaskSet", "DeleteTaskSet", "DescribeTaskSets", "UpdateServicePrimaryTaskSet", "UpdateTaskSet"]),
    (
        "container instances",
        &[
            "DeregisterContainerInstance",
            "DescribeContainerInstances",
            "ListContainerInstances",
            "RegisterContainerInstance",
            "UpdateContainerAgent",
            "UpdateContainerInstancesState",
        ],
    ),
    (
        "capacity providers",
        &["CreateCapacityProvider", "DeleteCapacityProvider", "DescribeCapacityProviders", "UpdateCapacityProvider"],
    ),
    ("attributes", &["DeleteAttributes", "ListAttributes", "PutAttributes"]),
    ("tags", &["ListTagsForResource", "TagResource", "UntagResource"]),
    ("account settings", &["DeleteAccountSetting", "ListAccountSettings", "PutAccountSetting", "PutAccountSettingDefault"]),
    ("agent", &["DiscoverPollEndpoint", "SubmitAttachmentStateChanges", "SubmitContainerStateChange", "SubmitTaskStateChange"]),
    (
        "express",
        &[
            "CreateExpressGatewayService",
            "DeleteExpressGatewayService",
            "DescribeExpressGatewayService",
            "UpdateExpressGatewayService",
        ],
    ),
    (
        "daemons",
        &[
            "CreateDaemon",
            "DeleteDaemon",
            "DeleteDaemonTaskDefinition",
            "DescribeDaemon",
            "DescribeDaemonDeployments",
            "DescribeDaemonRevisions",
            "DescribeDaemonTaskDefinition",
            "ListDaemonDeployments",
            "ListDaemonTaskDefinitions",
            "ListDaemons",
            "RegisterDaemonTaskDefinition",
            "UpdateDaemon",
        ],
    ),
    (
        "gateways",
        &[
            "AssociateGatewayWithCluster",
            "CreateGateway",
            "DeleteGateway",
            "DescribeGateway",
            "DescribeGatewayResources",
            "DescribeGatewayRoute",
            "DisassociateGatewayFromCluster",
            "ListGatewayClusterAssociations",
            "ListGatewayRoutes",
            "ListGateways",
            "UpdateGateway",
        ],
    ),
];
