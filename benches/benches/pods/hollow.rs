//! Nodes that are none: they take pods, and say that these run.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::task::JoinSet;

/// How many tasks one is there for, and how many pods it takes: Kubernetes counts pods, among them those that run on every node, and ECS does not.
const TASKS: usize = 110;
const PODS: usize = 200;
/// A node whose lease is older than 40 s is taken for dead.
const LEASE: Duration = Duration::from_secs(10);

/// They are taken away by [`remove`](Self::remove).
pub(crate) struct HollowNodes {
    client: Client,
    names: Vec<String>,
    work: JoinSet<()>,
}

impl HollowNodes {
    /// Enough of them for so many pods, as container instances of the ECS cluster.
    pub(crate) async fn start(client: &Client, pods: usize, cluster: &str) -> Result<Self> {
        let names: Vec<String> = (0..pods.div_ceil(TASKS)).map(|number| format!("hollow-{number}")).collect();
        let nodes: Api<Node> = Api::all(client.clone());
        let mut work = JoinSet::new();
        for name in &names {
            let node = json!({
                "metadata": {"name": name, "labels": {"kecs.io/cluster": cluster, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}},
                // What runs on every node stays away.
                "spec": {"taints": [{"key": "node.kubernetes.io/hollow", "effect": "PreferNoSchedule"}]},
            });
            nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
            let size = json!({"cpu": "110", "memory": "110Gi", "pods": PODS.to_string()});
            let ready = json!({
                "type": "Ready", "status": "True", "reason": "Hollow", "message": "", "lastHeartbeatTime": now(), "lastTransitionTime": now(),
            });
            let status = json!({"status": {"capacity": size, "allocatable": size, "conditions": [ready]}});
            nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await?;
            work.spawn(lease(client.clone(), name.clone()));
            work.spawn(kubelet(client.clone(), name.clone()));
        }
        Ok(Self { client: client.clone(), names, work })
    }

    /// Ends them.
    pub(crate) async fn remove(mut self) -> Result<()> {
        self.work.shutdown().await;
        let nodes: Api<Node> = Api::all(self.client.clone());
        for name in &self.names {
            nodes.delete(name, &DeleteParams::default()).await?;
        }
        Ok(())
    }
}

fn now() -> String {
    Timestamp::now().to_string()
}

async fn lease(client: Client, name: String) {
    let leases: Api<Lease> = Api::namespaced(client, "kube-node-lease");
    loop {
        let spec = LeaseSpec {
            holder_identity: Some(name.clone()),
            lease_duration_seconds: Some(40),
            renew_time: Some(MicroTime(Timestamp::now())),
            ..LeaseSpec::default()
        };
        let lease = Lease { metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() }, spec: Some(spec) };
        let renewed = leases.patch(&name, &PatchParams::apply("hollow").force(), &Patch::Apply(&lease)).await;
        if let Err(error) = renewed {
            benches::print(&format!("{name} has no lease: {error}"));
        }
        tokio::time::sleep(LEASE).await;
    }
}

/// Says of each pod of this node that it runs, and takes those away that are deleted.
async fn kubelet(client: Client, name: String) {
    let all: Api<Pod> = Api::all(client.clone());
    let mut events = watcher(all, watcher::Config::default().fields(&format!("spec.nodeName={name}"))).boxed();
    while let Ok(Some(event)) = events.try_next().await {
        if let Event::Apply(pod) | Event::InitApply(pod) = event
            && let Err(error) = tend(&client, &pod).await
        {
            benches::print(&format!("{name}: {error:#}"));
        }
    }
}

async fn tend(client: &Client, pod: &Pod) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let name = pod.name_any();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let ends =
        pod.metadata.deletion_timestamp.is_some() || pod.spec.as_ref().is_some_and(|spec| spec.active_deadline_seconds.is_some());
    let state = match (phase, ends) {
        (Some("Succeeded" | "Failed"), _) if pod.metadata.deletion_timestamp.is_some() => {
            pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
            return Ok(());
        }
        (Some("Succeeded" | "Failed"), _) | (Some("Running"), false) => return Ok(()),
        (_, true) => json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now(), "finishedAt": now()}}),
        (_, false) => json!({"running": {"startedAt": now()}}),
    };
    let phase = if ends { "Succeeded" } else { "Running" };
    let containers: Vec<_> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "", "containerID": "hollow://0", "ready": !ends, "started": !ends,
                "restartCount": 0, "state": state,
            })
        })
        .collect();
    let addresses: BTreeMap<&str, &str> = BTreeMap::from([("ip", "10.0.0.1")]);
    let status = json!({"status": {
        "phase": phase, "startTime": now(), "podIP": "10.0.0.1", "podIPs": [addresses], "hostIP": "10.0.0.2", "containerStatuses": containers,
    }});
    pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await?;
    Ok(())
}
