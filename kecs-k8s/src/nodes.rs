//! Nodes as container instances: a node says by a label of which ECS cluster it is one, as an ECS agent does by `ECS_CLUSTER`.

mod host;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Node;
use kecs_core::{BackendError, ClusterRef, ErrorKind, HostEvent, HostInstance, HostStream};
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::config::{KubernetesConfig, NodeInstances};
use crate::error::{backend_error, words};
use crate::health::{ApiHealth, Watch};
use crate::tasks::answer;
use host::{DRAINING, instance_id};

const ASKING: &str = "cannot read the nodes";
const DRAINING_NODE: &str = "cannot change the node";

/// How often a node is read anew because others changed it in the meantime.
const ATTEMPTS: u32 = 10;

/// The nodes that were seen last: names, by the ids of their instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nodes(Arc<Mutex<BTreeMap<String, String>>>);

impl Nodes {
    fn set(&self, node: &Node) {
        if let Some(id) = instance_id(node) {
            self.0.lock().expect("nobody panics while holding it").insert(id, node.name_any());
        }
    }

    fn get(&self, id: &str) -> Option<String> {
        self.0.lock().expect("nobody panics while holding it").get(id).cloned()
    }

    /// The name of the node that is this container instance; `None` where none is, such as for one that was registered by hand.
    pub(crate) async fn name_of(&self, client: &Client, id: &str) -> Result<Option<String>, BackendError> {
        if let Some(name) = self.get(id) {
            return Ok(Some(name));
        }
        // A task may be started again before the nodes were told of.
        let nodes: Api<Node> = Api::all(client.clone());
        let all = answer(ASKING, nodes.list(&kube::api::ListParams::default())).await?;
        for node in &all.map_err(|error| backend_error(ASKING, error))?.items {
            self.set(node);
        }
        Ok(self.get(id))
    }

    /// Cordons the node, or takes that back.
    pub(crate) async fn drain(&self, client: &Client, id: &str, drains: bool) -> Result<(), BackendError> {
        let name = self.name_of(client, id).await?;
        let name = name.ok_or_else(|| BackendError::new(ErrorKind::NotFound, format!("no node is the container instance {id}")))?;
        let nodes: Api<Node> = Api::all(client.clone());
        for attempt in 1.. {
            let node = answer(ASKING, nodes.get(&name)).await?.map_err(|error| backend_error(ASKING, error))?;
            let Some(patch) = drain_patch(&node, drains) else { break };
            match answer(DRAINING_NODE, nodes.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))).await? {
                Ok(_) => break,
                // Its kubelet reported, or a controller changed it, since it was read.
                Err(kube::Error::Api(status)) if status.code == 409 && attempt < ATTEMPTS => {}
                Err(error) => return Err(backend_error(DRAINING_NODE, error)),
            }
        }
        Ok(())
    }
}

/// What makes a node take no pods, or take them again; `None` where nothing is to be done. A node that somebody else cordoned stays so.
fn drain_patch(node: &Node, drains: bool) -> Option<Value> {
    const CORDONED_BEFORE: &str = "cordoned-before";
    let cordoned = node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false);
    let version = &node.metadata.resource_version;
    let patch = |annotation: Option<&str>, cordon: bool| {
        // Only over what was read.
        let metadata = json!({"annotations": {DRAINING: annotation}, "resourceVersion": version});
        json!({"metadata": metadata, "spec": {"unschedulable": cordon}})
    };
    match (node.annotations().get(DRAINING).map(String::as_str), drains) {
        (Some(_), true) if cordoned => None,
        (Some(mark), true) => Some(patch(Some(mark), true)),
        (None, true) => Some(patch(Some(if cordoned { CORDONED_BEFORE } else { "true" }), true)),
        (Some(mark), false) => Some(patch(None, cordoned && mark == CORDONED_BEFORE)),
        (None, false) => None,
    }
}

/// Follows the nodes that are container instances. `None` where none is to be.
pub(crate) fn watch(client: Client, config: &KubernetesConfig, known: &Nodes, health: &ApiHealth) -> Option<HostStream> {
    let instances = config.nodes.clone();
    if instances == NodeInstances::None {
        return None;
    }
    let nodes: Api<Node> = Api::all(health.of_watch(Watch::Nodes, client));
    let gpu_resource = config.gpu_resource.clone();
    let (known, health) = (known.clone(), health.clone());
    let mut told = Told::default();
    // It asks for bookmarks, lists anew where its version is too old, and backs off by itself.
    let events = watcher(nodes, watcher::Config::default()).default_backoff();
    let told = events.flat_map(move |event| {
        let told = match event {
            Ok(event) => {
                if let Event::Apply(node) | Event::InitApply(node) = &event {
                    known.set(node);
                }
                told.take(event, |node| host::instance(node, &instances, &gpu_resource))
            }
            Err(error) => {
                // It goes on by itself, and lists anew.
                let reason = format!("cannot watch the nodes: {} (--kube-nodes off does without)", words(&error));
                tracing::warn!("{reason}");
                health.watch_broke(Watch::Nodes, reason);
                Vec::new()
            }
        };
        stream::iter(told.into_iter().map(Ok))
    });
    Some(told.boxed())
}

/// What was told of the nodes.
#[derive(Debug, Default)]
struct Told {
    /// By their uids.
    instances: BTreeMap<String, HostInstance>,
    listed: BTreeMap<String, HostInstance>,
}

impl Told {
    /// What follows from an event of the watch. A node that only beats its heart is no news.
    fn take(&mut self, event: Event<Node>, instance: impl Fn(&Node) -> Option<HostInstance>) -> Vec<HostEvent> {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(node) => {
                self.listed.extend(instance(&node).map(|instance| (instance.id.clone(), instance)));
                Vec::new()
            }
            Event::InitDone => {
                self.instances = std::mem::take(&mut self.listed);
                vec![HostEvent::Resynced(self.instances.values().cloned().collect())]
            }
            Event::Apply(node) => {
                let now = instance(&node);
                let Some(id) = instance_id(&node) else { return Vec::new() };
                let before = self.instances.get(&id).cloned();
                if before == now {
                    return Vec::new();
                }
                let moved = before.filter(|before| now.as_ref().is_none_or(|now| now.cluster != before.cluster));
                let mut told = Vec::from_iter(moved.map(|before| self.left(before.cluster, &id)));
                if let Some(now) = now {
                    self.instances.insert(id, now.clone());
                    told.push(HostEvent::Observed(now));
                }
                told
            }
            Event::Delete(node) => {
                let known = instance_id(&node).and_then(|id| self.instances.get(&id)).cloned();
                known.map(|known| self.left(known.cluster, &known.id)).into_iter().collect()
            }
        }
    }

    fn left(&mut self, cluster: ClusterRef, id: &str) -> HostEvent {
        self.instances.remove(id);
        HostEvent::Gone { cluster, id: id.to_owned() }
    }
}
