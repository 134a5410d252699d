//! Task definitions through the API: their revisions, their listings, their end.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore, StateStore, TokioClock};
use kecs_model::ecs::{
    CreateClusterRequest, DeleteTaskDefinitionsRequest, DeregisterTaskDefinitionRequest, DescribeTaskDefinitionRequest, EcsApi,
    ListTaskDefinitionFamiliesRequest, ListTaskDefinitionsRequest, RegisterTaskDefinitionRequest, RunTaskRequest, SortOrder,
    StopTaskRequest, Tag, TaskDefinition, TaskDefinitionFamilyStatus, TaskDefinitionField, TaskDefinitionStatus,
};
use kecs_model::{ErrorCode, RequestContext, Timestamp, aws_json};
use serde_json::{Value, json};

struct Ecs {
    engine: Arc<Engine>,
    store: Arc<MemoryStore>,
    ctx: RequestContext,
}

impl Ecs {
    async fn start() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { engine: engine(&store).await, store, ctx: RequestContext::local() }
    }

    async fn restarted(self) -> Self {
        self.engine.shutdown().await;
        Self { engine: engine(&self.store).await, ..self }
    }

    async fn register(&self, family: &str) -> TaskDefinition {
        self.engine.register_task_definition(&self.ctx, app(family)).await.unwrap().task_definition.unwrap()
    }

    async fn deregister(&self, name: &str) -> TaskDefinition {
        let request = DeregisterTaskDefinitionRequest { task_definition: Some(name.to_owned()) };
        self.engine.deregister_task_definition(&self.ctx, request).await.unwrap().task_definition.unwrap()
    }

    async fn delete(&self, name: &str) -> Result<TaskDefinition, String> {
        let request = DeleteTaskDefinitionsRequest { task_definitions: Some(vec![name.to_owned()]) };
        let mut answer = self.engine.delete_task_definitions(&self.ctx, request).await.unwrap();
        match answer.failures.unwrap().pop() {
            Some(failure) => Err(failure.reason.unwrap()),
            None => Ok(answer.task_definitions.as_mut().unwrap().remove(0)),
        }
    }

    async fn describe(&self, name: &str) -> Option<TaskDefinition> {
        let request = DescribeTaskDefinitionRequest { task_definition: Some(name.to_owned()), include: None };
        match self.engine.describe_task_definition(&self.ctx, request).await {
            Ok(answer) => answer.task_definition,
            Err(error) => {
                assert_eq!((error.code(), error.message()), (ErrorCode::ClientException, "Unable to describe task definition."));
                None
            }
        }
    }

    /// The names in a listing's ARNs, page after page.
    async fn list(&self, request: ListTaskDefinitionsRequest) -> Vec<String> {
        let mut names = Vec::new();
        let mut next_token = None;
        loop {
            let page = ListTaskDefinitionsRequest { next_token, max_results: Some(2), ..request.clone() };
            let page = self.engine.list_task_definitions(&self.ctx, page).await.unwrap();
            names.extend(page.task_definition_arns.unwrap().iter().map(|arn| arn.rsplit('/').next().unwrap().to_owned()));
            next_token = page.next_token;
            if next_token.is_none() {
                return names;
            }
        }
    }

    async fn families(&self, prefix: &str, status: Option<TaskDefinitionFamilyStatus>) -> Vec<String> {
        let request = ListTaskDefinitionFamiliesRequest {
            family_prefix: Some(prefix.to_owned()),
            status,
            ..ListTaskDefinitionFamiliesRequest::default()
        };
        self.engine.list_task_definition_families(&self.ctx, request).await.unwrap().families.unwrap()
    }
}

async fn engine(store: &Arc<MemoryStore>) -> Arc<Engine> {
    let config = EngineConfig {
        clock: Arc::new(TokioClock::starting_at(Timestamp::from_millis(1_700_000_000_000))),
        ..EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::clone(store) as Arc<dyn StateStore>)
    };
    Engine::start(config).await.unwrap()
}

fn app(family: &str) -> RegisterTaskDefinitionRequest {
    decoded(&json!({"family": family, "containerDefinitions": [{"name": "app", "image": "nginx", "memory": 64}]}))
}

fn decoded(json: &Value) -> RegisterTaskDefinitionRequest {
    aws_json::decode(json.to_string().as_bytes()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_registration_is_the_next_revision_of_its_family() {
    let ecs = Ecs::start().await;
    let first = ecs.register("web").await;
    assert_eq!(first.task_definition_arn.as_deref(), Some("arn:aws:ecs:us-east-1:000000000000:task-definition/web:1"));
    assert_eq!(first.status, Some(TaskDefinitionStatus::Active));
    assert!(first.registered_at.is_some() && first.registered_by.is_some());
    assert_eq!(ecs.register("web").await.revision, Some(2));
    assert_eq!(ecs.register("db").await.revision, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_registration_takes_no_revision() {
    let ecs = Ecs::start().await;
    let refused = RegisterTaskDefinitionRequest { container_definitions: None, ..app("web") };
    assert!(ecs.engine.register_task_definition(&ecs.ctx, refused).await.is_err());
    assert_eq!(ecs.register("web").await.revision, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_found_by_family_revision_and_arn() {
    // DescribeTaskDefinition: "The family for the latest ACTIVE revision, family and revision (family:revision) … or full ARN".
    let ecs = Ecs::start().await;
    for _ in 0..3 {
        ecs.register("web").await;
    }
    ecs.deregister("web:3").await;
    let revision = async |name: &str| ecs.describe(name).await.and_then(|definition| definition.revision);
    assert_eq!(revision("web").await, Some(2));
    assert_eq!(revision("web:3").await, Some(3));
    assert_eq!(revision("arn:aws:ecs:us-east-1:000000000000:task-definition/web:1").await, Some(1));
    for unknown in ["web:4", "nope", "web:x", "arn:aws:ecs:eu-west-1:000000000000:task-definition/web:1"] {
        assert_eq!(revision(unknown).await, None, "{unknown}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_are_shown_when_they_are_asked_for() {
    let ecs = Ecs::start().await;
    let tags = vec![Tag { key: Some("team".to_owned()), value: Some("blue".to_owned()) }];
    let request = RegisterTaskDefinitionRequest { tags: Some(tags.clone()), ..app("web") };
    assert_eq!(ecs.engine.register_task_definition(&ecs.ctx, request).await.unwrap().tags, Some(tags.clone()));
    let describe =
        DescribeTaskDefinitionRequest { task_definition: Some("web".to_owned()), include: Some(vec![TaskDefinitionField::Tags]) };
    assert_eq!(ecs.engine.describe_task_definition(&ecs.ctx, describe).await.unwrap().tags, Some(tags));
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_of_tags_is_refused() {
    // Reported: fabfuel/ecs-deploy issue 146.
    let ecs = Ecs::start().await;
    let request = RegisterTaskDefinitionRequest { tags: Some(Vec::new()), ..app("web") };
    let error = ecs.engine.register_task_definition(&ecs.ctx, request).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (ErrorCode::ClientException, "Tags can not be empty."));
}

#[tokio::test(start_paused = true)]
async fn deregistering_needs_a_revision_that_there_is() {
    // "You must specify a revision." The texts: moto's tests against the real service; cloud-custodian matches on the second.
    let ecs = Ecs::start().await;
    ecs.register("web").await;
    for (name, text) in [("web", "Revision is missing."), ("web:2", "The specified task definition does not exist.")] {
        let request = DeregisterTaskDefinitionRequest { task_definition: Some(name.to_owned()) };
        let error = ecs.engine.deregister_task_definition(&ecs.ctx, request).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (ErrorCode::ClientException, text));
    }
    let deregistered = ecs.deregister("web:1").await;
    assert_eq!(deregistered.status, Some(TaskDefinitionStatus::Inactive));
    assert_eq!(ecs.deregister("web:1").await.deregistered_at, deregistered.deregistered_at);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_never_given_again() {
    // "The task definition name is retained by Amazon ECS and the revision is incremented the next time" (DeleteTaskDefinitions).
    let ecs = Ecs::start().await;
    ecs.register("web").await;
    ecs.deregister("web:1").await;
    ecs.delete("web:1").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert_eq!(ecs.describe("web:1").await, None);
    let ecs = ecs.restarted().await;
    assert_eq!(ecs.register("web").await.revision, Some(2));
}

#[tokio::test(start_paused = true)]
async fn only_an_inactive_revision_can_be_deleted() {
    let ecs = Ecs::start().await;
    ecs.register("web").await;
    assert_eq!(
        ecs.delete("web:1").await.unwrap_err(),
        "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
    );
    assert_eq!(
        ecs.delete("web:2").await.unwrap_err(),
        "The specified task definition does not exist. Specify a valid account, family, revision and try again."
    );
    assert_eq!(
        ecs.delete("web").await.unwrap_err(),
        "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
    );
    ecs.deregister("web:1").await;
    let deleted = ecs.delete("web:1").await.unwrap();
    assert_eq!(deleted.status, Some(TaskDefinitionStatus::DeleteInProgress));
    assert!(deleted.delete_requested_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn at_most_ten_definitions_are_deleted_at_a_time() {
    let ecs = Ecs::start().await;
    for count in [0, 11] {
        let request = DeleteTaskDefinitionsRequest { task_definitions: Some(vec!["web:1".to_owned(); count]) };
        let error = ecs.engine.delete_task_definitions(&ecs.ctx, request).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_definition_stays_until_its_tasks_have_stopped() {
    // "A task definition revision will stay in DELETE_IN_PROGRESS status until all the associated tasks and services have been terminated."
    let ecs = Ecs::start().await;
    ecs.engine.create_cluster(&ecs.ctx, CreateClusterRequest::default()).await.unwrap();
    ecs.register("web").await;
    let run = RunTaskRequest { task_definition: Some("web".to_owned()), ..RunTaskRequest::default() };
    let task = ecs.engine.run_task(&ecs.ctx, run).await.unwrap().tasks.unwrap().remove(0);
    ecs.deregister("web:1").await;
    ecs.delete("web:1").await.unwrap();
    let hour = Duration::from_secs(3601);
    tokio::time::sleep(hour).await;
    assert_eq!(ecs.describe("web:1").await.unwrap().status, Some(TaskDefinitionStatus::DeleteInProgress));
    let stopped = ecs.engine.task_when(|task| task.last_status.as_deref() == Some("STOPPED"));
    let stop = StopTaskRequest { task: task.task_arn, ..StopTaskRequest::default() };
    ecs.engine.stop_task(&ecs.ctx, stop).await.unwrap();
    stopped.await.unwrap();
    tokio::time::sleep(hour).await;
    assert_eq!(ecs.describe("web:1").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_goes_on_after_a_restart() {
    let ecs = Ecs::start().await;
    ecs.register("web").await;
    ecs.deregister("web:1").await;
    ecs.delete("web:1").await.unwrap();
    let ecs = ecs.restarted().await;
    assert!(ecs.describe("web:1").await.is_some());
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert_eq!(ecs.describe("web:1").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_ordered_by_family_and_number() {
    // ListTaskDefinitions, sort: "listed lexicographically by family name and in ascending numerical order by revision".
    let ecs = Ecs::start().await;
    for _ in 0..11 {
        ecs.register("a").await;
    }
    ecs.register("a-b").await;
    ecs.register("B").await;
    let ascending = ecs.list(ListTaskDefinitionsRequest::default()).await;
    let expected = ["B:1", "a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9", "a:10", "a:11", "a-b:1"];
    assert_eq!(ascending, expected);
    let mut descending =
        ecs.list(ListTaskDefinitionsRequest { sort: Some(SortOrder::Desc), ..ListTaskDefinitionsRequest::default() }).await;
    descending.reverse();
    assert_eq!(descending, expected);
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_of_one_status_and_of_one_family() {
    // "The full family name"; "By default, only ACTIVE task definitions are listed" (ListTaskDefinitions).
    let ecs = Ecs::start().await;
    for family in ["web", "web", "web2"] {
        ecs.register(family).await;
    }
    ecs.deregister("web:1").await;
    let of = |family: &str, status| ListTaskDefinitionsRequest {
        family_prefix: Some(family.to_owned()),
        status,
        ..ListTaskDefinitionsRequest::default()
    };
    assert_eq!(ecs.list(of("web", None)).await, ["web:2"]);
    assert_eq!(ecs.list(of("we", None)).await, [""; 0]);
    assert_eq!(ecs.list(of("web", Some(TaskDefinitionStatus::Inactive))).await, ["web:1"]);
    let descending = ListTaskDefinitionsRequest { sort: Some(SortOrder::Desc), ..of("web", None) };
    assert_eq!(ecs.list(descending).await, ["web:2"]);
}

#[tokio::test(start_paused = true)]
async fn families_are_listed_by_prefix_and_by_whether_one_revision_is_active() {
    let ecs = Ecs::start().await;
    for family in ["web", "web-admin", "db"] {
        ecs.register(family).await;
    }
    ecs.deregister("web:1").await;
    assert_eq!(ecs.families("", None).await, ["db", "web", "web-admin"]);
    assert_eq!(ecs.families("we", None).await, ["web", "web-admin"]);
    assert_eq!(ecs.families("", Some(TaskDefinitionFamilyStatus::Active)).await, ["db", "web-admin"]);
    assert_eq!(ecs.families("", Some(TaskDefinitionFamilyStatus::Inactive)).await, ["web"]);
    // "When you delete all INACTIVE task definition revisions, the task definition name is … not returned in the API."
    ecs.delete("web:1").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3601)).await;
    assert_eq!(ecs.families("", None).await, ["db", "web-admin"]);
}

#[tokio::test(start_paused = true)]
async fn state_is_of_one_account_and_region() {
    let ecs = Ecs::start().await;
    ecs.register("web").await;
    let elsewhere = RequestContext { region: "eu-west-1".into(), ..ecs.ctx.clone() };
    let list = ecs.engine.list_task_definitions(&elsewhere, ListTaskDefinitionsRequest::default()).await.unwrap();
    assert_eq!(list.task_definition_arns, Some(Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn botocores_worked_examples_are_accepted() {
    let examples: Value = serde_json::from_str(include_str!("../../kecs-model/models/ecs.examples.json")).unwrap();
    let examples = examples["RegisterTaskDefinition"].as_array().unwrap();
    assert!(!examples.is_empty());
    let ecs = Ecs::start().await;
    for example in examples {
        let answer = ecs.engine.register_task_definition(&ecs.ctx, decoded(&example["input"])).await.unwrap();
        assert_eq!(answer.task_definition.unwrap().revision, Some(1), "{}", example["id"]);
    }
}
