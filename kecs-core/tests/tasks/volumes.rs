//! Volumes that are configured at launch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kecs_core::TaskSpec;
use kecs_core::memory::MemoryTaskManager;
use kecs_core::task_spec::VolumeSource;
use kecs_model::ecs::{Attachment, Task};
use serde_json::{Value, json};

use crate::ecs::{Ecs, Parts, arn, assert_invalid, clock};

const ROLE: &str = "arn:aws:iam::123456789012:role/ecsInfrastructureRole";

/// An engine with a definition `stateful`, whose volume `data` is configured at launch.
async fn start(parts: Parts) -> Ecs {
    let ecs = Ecs::with(parts).await;
    let mount = json!([{ "sourceVolume": "data", "containerPath": "/data" }]);
    ecs.register(json!({
        "family": "stateful",
        "volumes": [{ "name": "data", "configuredAtLaunch": true }],
        "containerDefinitions": [{ "name": "web", "image": "app:1", "memory": 128, "mountPoints": mount }],
    }))
    .await;
    ecs
}

/// A task of `stateful` whose volume has 10 GiB and these members beside.
#[allow(clippy::needless_pass_by_value, reason = "literals of JSON read better by value")]
fn stateful(members: Value) -> Value {
    let mut managed = json!({ "roleArn": ROLE, "sizeInGiB": 10 });
    managed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "taskDefinition": "stateful", "volumeConfigurations": [{ "name": "data", "managedEBSVolume": managed }] })
}

/// The status and details of the task's only attachment, which is a volume.
fn volume(task: &Task) -> (String, Vec<(String, String)>) {
    let [Attachment { r#type, status, details, .. }] = task.attachments.as_deref().unwrap() else { panic!("one attachment") };
    assert_eq!(r#type.as_deref(), Some("AmazonElasticBlockStorage"));
    let details = details.iter().flatten().map(|detail| (detail.name.clone().unwrap(), detail.value.clone().unwrap()));
    (status.clone().unwrap(), details.collect())
}

/// The AWS CLI's example "To run a task with an Amazon EBS volume" (run-task) shows CREATED with these details, in this order; Attachment names
/// volumeId too.
#[tokio::test(start_paused = true)]
async fn a_volume_is_created_attached_and_deleted() {
    let ecs = start(Parts::default()).await;
    let running = ecs.when("RUNNING");
    let task = ecs.run(stateful(json!({}))).await.remove(0);
    let (status, details) = volume(&task);
    let expected = [("roleArn", ROLE), ("volumeName", "data"), ("deleteOnTermination", "true")];
    assert_eq!(
        (status.as_str(), &details),
        ("CREATED", &expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    );
    let (status, details) = volume(&running.await);
    assert_eq!((status.as_str(), details[3].0.as_str()), ("ATTACHED", "volumeId"));
    assert!(details[3].1.strip_prefix("vol-").is_some_and(|digits| digits.len() == 17), "{details:?}");
    assert_eq!(volume(&ecs.stopped(&task).await), ("DELETED".to_owned(), details));
}

/// "When set to false, Amazon ECS leaves the volume in your account" (deleteOnTermination).
#[tokio::test(start_paused = true)]
async fn a_volume_that_is_to_be_kept_is_detached() {
    let ecs = start(Parts::default()).await;
    let task = ecs.running(stateful(json!({ "terminationPolicy": { "deleteOnTermination": false } }))).await;
    assert_eq!(volume(&task).1[2], ("deleteOnTermination".to_owned(), "false".to_owned()));
    assert_eq!(volume(&ecs.stopped(&task).await).0, "DETACHED");
}

#[tokio::test(start_paused = true)]
async fn each_task_has_a_volume_of_its_own_and_its_backend_is_told() {
    let (told, mut specs) = tokio::sync::mpsc::unbounded_channel();
    let script = move |spec: &TaskSpec| {
        told.send((spec.arn.to_string(), spec.volumes.clone())).unwrap();
        None
    };
    let tasks = MemoryTaskManager::builder().clock(clock()).script(script).build();
    let ecs = start(Parts { tasks: Arc::new(tasks), ..Parts::default() }).await;
    let mut request = stateful(json!({ "volumeType": "gp3", "filesystemType": "ext4", "snapshotId": "snap-1" }));
    request["count"] = json!(2);
    let mut started = HashMap::new();
    for task in ecs.run(request).await {
        started.insert(arn(&task), task);
    }
    let mut ids = HashSet::new();
    for _ in 0..2 {
        let (task, volumes) = specs.recv().await.unwrap();
        let VolumeSource::Ebs { id, size, volume_type, filesystem, snapshot, kept } = &volumes[0].source else {
            panic!("{volumes:?}")
        };
        assert_eq!((*size, *kept, snapshot.as_deref()), (Some(10), false, Some("snap-1")));
        assert_eq!((volume_type.as_deref(), filesystem.as_deref()), (Some("gp3"), Some("ext4")));
        let (_, shown) = volume(&ecs.stopped(&started[&task]).await);
        assert_eq!(shown[3], ("volumeId".to_owned(), id.clone()));
        ids.insert(id.clone());
    }
    assert_eq!(ids.len(), 2);
}

/// go-to-k/cdkd#811 and #812 have the texts.
#[tokio::test(start_paused = true)]
async fn a_definition_and_a_request_must_agree_about_the_volume() {
    let ecs = start(Parts::default()).await;
    let text = "Task definition has configuredAtLaunch volume but no volume configuration provided at runtime.";
    assert_invalid(ecs.try_run(json!({ "taskDefinition": "stateful" })).await, text);
    let mut request = stateful(json!({}));
    request["taskDefinition"] = json!("app");
    let text = "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.";
    assert_invalid(ecs.try_run(request).await, text);
    assert!(ecs.list(json!({})).await.is_empty());
}
