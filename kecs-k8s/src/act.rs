//! Doing what has been judged: one patch, which takes effect only on the pod that was judged.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kecs_core::{StopCause, TaskPhase};
use kecs_model::Timestamp;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use crate::index::{Entry, stop_of};
use crate::life::Act;
use crate::names::{FINALIZER, STOP_ANNOTATION, STOPPED_IMAGE};
use crate::plan::{StopOrder, TaskPlan};

/// Which pod of which namespace, and what to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) namespace: String,
    pub(crate) name: String,
    uid: String,
    patch: Option<Value>,
    delete: Option<DeleteParams>,
}

/// What is to be done for a task now; `None` where nothing is.
pub(crate) fn deed(entry: &Entry, now: Timestamp) -> Option<Deed> {
    let (acts, _) = entry.due();
    let observation = entry.observation();
    if entry.release_at().is_some_and(|at| at <= now) {
        return Some(Deed { patch: Some(release()), ..target(entry.pod())? });
    }
    if acts.is_empty() || observation.phase == TaskPhase::Stopped {
        return None;
    }
    let patch = patch(entry.pod(), entry.plan(), acts, observation.cause.as_ref(), now);
    let delete = acts.iter().find_map(|act| match act {
        Act::Delete => Some(DeleteParams::default().grace_period(1)),
        Act::Withdraw => Some(DeleteParams::default()),
        Act::Open(_) | Act::Close(_) | Act::Finish => None,
    });
    Some(Deed { patch, delete, ..target(entry.pod())? })
}

/// A strategic merge patch that takes our finalizer off a pod, and leaves those of others.
pub(crate) fn release() -> Value {
    json!({"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}})
}

fn target(pod: &Pod) -> Option<Deed> {
    let metadata = &pod.metadata;
    Some(Deed {
        namespace: metadata.namespace.clone()?,
        name: metadata.name.clone()?,
        uid: metadata.uid.clone()?,
        patch: None,
        delete: None,
    })
}

/// The order to end, and what can be done about it at once.
pub(crate) fn order_to_stop(entry: &Entry, now: Timestamp) -> Value {
    let order = StopOrder::new(StopCause::Requested, now);
    let acts = entry.acts_upon(&order, now);
    let first_step = patch(entry.pod(), entry.plan(), &acts, Some(&order.cause), now);
    first_step.unwrap_or_else(|| versioned(entry.pod(), Some(&order)))
}

fn patch(pod: &Pod, plan: &TaskPlan, acts: &[Act], cause: Option<&StopCause>, now: Timestamp) -> Option<Value> {
    let mut images: BTreeMap<&str, &str> = BTreeMap::new();
    let mut told: Vec<&str> = Vec::new();
    let mut finish = false;
    for act in acts {
        match act {
            Act::Open(index) => {
                images.insert(&plan.containers[*index].part, &plan.containers[*index].image);
            }
            Act::Close(index) => {
                images.insert(&plan.containers[*index].part, STOPPED_IMAGE);
                told.push(&plan.containers[*index].part);
            }
            Act::Finish => {
                finish = true;
                told.extend(plan.containers.iter().map(|container| container.part.as_str()));
            }
            Act::Delete | Act::Withdraw => {}
        }
    }
    let known = stop_of(pod);
    let mut stop = known.clone();
    if let Some(cause) = cause {
        let stop = stop.get_or_insert_with(|| StopOrder::new(cause.clone(), now));
        for part in told {
            stop.told.entry(part.to_owned()).or_insert(now);
        }
    }
    let mut spec = serde_json::Map::new();
    if !images.is_empty() {
        let containers: Vec<Value> = images.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
        spec.insert("containers".to_owned(), json!(containers));
    }
    if finish {
        // It began more than that ago, or will have soon.
        spec.insert("activeDeadlineSeconds".to_owned(), json!(1));
    }
    if spec.is_empty() && stop == known {
        return None;
    }
    let mut patch = versioned(pod, stop.filter(|stop| known.as_ref() != Some(stop)).as_ref());
    patch["spec"] = Value::Object(spec);
    Some(patch)
}

/// A patch that fails where the pod has changed meanwhile, and notes that the task ends.
fn versioned(pod: &Pod, stop: Option<&StopOrder>) -> Value {
    let mut metadata = json!({"resourceVersion": pod.metadata.resource_version});
    if let Some(stop) = stop {
        let order = serde_json::to_string(stop).expect("plain data has a JSON form");
        metadata["annotations"] = json!({STOP_ANNOTATION: order});
    }
    json!({"metadata": metadata})
}

impl Deed {
    /// Does it; the pod as it then is, where it was changed.
    pub(crate) async fn perform(&self, pods: &Api<Pod>) -> Result<Option<Pod>, kube::Error> {
        let mut changed = None;
        if let Some(patch) = &self.patch {
            changed = Some(pods.patch(&self.name, &PatchParams::default(), &Patch::Strategic(patch)).await?);
        }
        if let Some(delete) = self.delete.clone() {
            let preconditions = Preconditions { uid: Some(self.uid.clone()), resource_version: None };
            if let Some(pod) = pods.delete(&self.name, &delete.preconditions(preconditions)).await?.left() {
                changed = Some(pod);
            }
        }
        Ok(changed)
    }
}
