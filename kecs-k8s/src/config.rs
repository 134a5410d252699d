//! How a [`KubernetesTaskManager`](crate::KubernetesTaskManager) is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kecs_core::{Clock, ClusterRef, RolePolicySource, Scope, SystemClock};

/// Settings of a [`KubernetesTaskManager`](crate::KubernetesTaskManager).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubernetesConfig {
    /// The kubeconfig file; `None` looks where `kubectl` does (`KUBECONFIG`, `~/.kube/config`), then for a pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; `None` is its current one.
    pub context: Option<String>,
    /// What the names of namespaces begin with, and what tells the pods of one KECS from those of another in the same cluster: up to 20
    /// lower-case letters, digits and hyphens. Default: `kecs`.
    pub prefix: String,
    /// The resource that a GPU is. Default: `nvidia.com/gpu`.
    pub gpu_resource: String,
    /// Which nodes are container instances. A task that is placed on one runs on that node. Default: none is, and every task is left to the
    /// cluster's scheduler.
    pub nodes: NodeInstances,
    /// When images are pulled: `Always`, `IfNotPresent` or `Never`. `None` (the default) is Kubernetes' own rule.
    pub image_pull_policy: Option<String>,
    /// What a task's role is in the cluster. Default: a service account.
    pub roles: TaskRoles,
    /// Whether kubelets are asked what pods use. Default: those that prove who they are.
    pub stats: PodStats,
    /// The service account of tasks that have none of their role; `None` is the namespace's default. Its token is never mounted.
    pub service_account: Option<String>,
    /// Docker volumes with `scope: shared`.
    pub shared_volumes: VolumeClass,
    /// Amazon EBS volumes.
    pub ebs_volumes: VolumeClass,
    /// What stands for Amazon EFS.
    pub efs: EfsBacking,
    /// How long a task waits for a node that has room before it is given up. Default: 10 minutes.
    pub provisioning_timeout: Duration,
    /// How long the API server may send nothing over a watch, after which that is taken for broken; it sends bookmarks every minute. Applies
    /// where KECS makes the client. Default: 100 s.
    pub watch_silence: Duration,
    /// What stands beside each task and answers for AWS on its loopback. Default: nothing.
    pub sidecar: Option<Sidecar>,
    /// What stamps. Default: the machine's clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            prefix: "kecs".to_owned(),
            gpu_resource: "nvidia.com/gpu".to_owned(),
            nodes: NodeInstances::None,
            image_pull_policy: None,
            roles: TaskRoles::Accounts,
            stats: PodStats::Verified,
            service_account: None,
            shared_volumes: VolumeClass::default(),
            ebs_volumes: VolumeClass::default(),
            efs: EfsBacking::Refused,
            provisioning_timeout: Duration::from_mins(10),
            watch_silence: Duration::from_secs(100),
            sidecar: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Which nodes are container instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodeInstances {
    /// None.
    #[default]
    None,
    /// Those with the label `kecs.io/cluster`, of the ECS cluster of this scope that it names.
    Labelled(Scope),
    /// Those too, and of this cluster all without the label that take any pod.
    All(ClusterRef),
}

/// What the role of a task is in the cluster.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum TaskRoles {
    /// Nothing.
    Ignored,
    /// A service account, by whose token the task proves to AWS who it is. It is allowed nothing in the cluster.
    #[default]
    Accounts,
    /// Such an account, which is allowed in its namespace what the role's policies mean there: `docs/kubernetes.md` has the table. Tasks that may do anything
    /// have a token for the Kubernetes API as well.
    Rights(Arc<dyn RolePolicySource>),
}

/// Whether kubelets are asked what pods use, which takes the rights to `get` `nodes/stats` and `nodes/metrics`. They are asked with the credentials for the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodStats {
    /// Nobody is asked.
    Off,
    /// Kubelets whose certificates are by the cluster's authority, for the addresses of their nodes.
    #[default]
    Verified,
    /// Whoever answers at the addresses of nodes, and gets the credentials: for clusters whose kubelets make certificates of their own, such as kind's, on a network
    /// that is trusted.
    Unverified,
}

/// `kecs sidecar`, in a container of its own beside those of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sidecar {
    /// Its image.
    pub image: String,
    /// The URL under which pods reach KECS, which passes on what is for other services.
    pub kecs_endpoint: String,
    /// When its image is pulled; `None` (the default) is Kubernetes' own rule.
    pub image_pull_policy: Option<String>,
}

impl Sidecar {
    /// Where containers find it, whatever their task.
    pub const ENDPOINT: &'static str = "http://127.0.0.1:4566";

    /// The sidecar of this image, for a KECS that is reached at this URL.
    pub fn new(image: impl Into<String>, kecs_endpoint: impl Into<String>) -> Self {
        Self { image: image.into(), kecs_endpoint: kecs_endpoint.into(), image_pull_policy: None }
    }
}

/// How a volume is provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeClass {
    /// The StorageClass; `None` is the cluster's default one.
    pub storage_class: Option<String>,
    /// GiB, where nothing says otherwise. Default: 1.
    pub size: u32,
}

impl Default for VolumeClass {
    fn default() -> Self {
        Self { storage_class: None, size: 1 }
    }
}

/// What stands for Amazon EFS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EfsBacking {
    /// Nothing: tasks with EFS volumes are refused.
    Refused,
    /// One claim for each file system, access point and root directory, for many pods at once, from a StorageClass.
    Class(VolumeClass),
    /// A folder of an NFS server for each file system and access point: `<path>/<fs-…>[/<fsap-…>][/<root directory>]`. It has to be there.
    Nfs {
        /// The server's name or address.
        server: String,
        /// The folder of it that is all file systems' parent.
        path: String,
    },
}
