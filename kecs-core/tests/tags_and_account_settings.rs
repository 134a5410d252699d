//! Tags of all kinds of resources, and account settings, through the API.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use kecs_core::memory::MemoryTaskManager;
use kecs_core::{Engine, EngineConfig, MemoryStore};
use kecs_model::ecs::{
    ClusterField, ContainerDefinition, CreateClusterRequest, CreateServiceRequest, DeleteAccountSettingRequest,
    DeleteClusterRequest, DescribeClustersRequest, EcsApi, ListAccountSettingsRequest, ListTagsForResourceRequest,
    PutAccountSettingDefaultRequest, PutAccountSettingRequest, RegisterTaskDefinitionRequest, RunTaskRequest, Setting, SettingName,
    SettingType, Tag, TagResourceRequest, UntagResourceRequest,
};
use kecs_model::{ApiError, ErrorCode, RequestContext};

const ROOT: &str = "arn:aws:iam::000000000000:root";
const USER: &str = "arn:aws:iam::000000000000:user/alice";

struct Ecs {
    engine: Arc<Engine>,
    ctx: RequestContext,
}

impl Ecs {
    async fn start() -> Self {
        let config = EngineConfig::new(Arc::new(MemoryTaskManager::new()), Arc::new(MemoryStore::new()));
        Self { engine: Engine::start(config).await.unwrap(), ctx: RequestContext::local() }
    }

    async fn cluster(&self) -> String {
        let cluster = self.engine.create_cluster(&self.ctx, CreateClusterRequest::default()).await.unwrap().cluster.unwrap();
        cluster.cluster_arn.unwrap()
    }

    async fn definition(&self) -> String {
        let container =
            ContainerDefinition { name: some("app"), image: some("nginx"), memory: Some(64), ..ContainerDefinition::default() };
        let request = RegisterTaskDefinitionRequest {
            family: some("app"),
            container_definitions: Some(vec![container]),
            ..RegisterTaskDefinitionRequest::default()
        };
        let answer = self.engine.register_task_definition(&self.ctx, request).await.unwrap();
        answer.task_definition.unwrap().task_definition_arn.unwrap()
    }

    async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), ApiError> {
        let request = TagResourceRequest { resource_arn: some(arn), tags: Some(tags.to_vec()) };
        self.engine.tag_resource(&self.ctx, request).await.map(|_| ())
    }

    async fn untag(&self, arn: &str, key: &str) -> Result<(), ApiError> {
        let request = UntagResourceRequest { resource_arn: some(arn), tag_keys: Some(vec![key.to_owned()]) };
        self.engine.untag_resource(&self.ctx, request).await.map(|_| ())
    }

    async fn tags(&self, arn: &str) -> Result<Vec<Tag>, ApiError> {
        let request = ListTagsForResourceRequest { resource_arn: some(arn) };
        self.engine.list_tags_for_resource(&self.ctx, request).await.map(|answer| answer.tags.unwrap())
    }

    async fn put(&self, name: SettingName, value: &str, principal: Option<&str>) -> Result<Setting, ApiError> {
        let request =
            PutAccountSettingRequest { name: Some(name), value: some(value), principal_arn: principal.map(str::to_owned) };
        self.engine.put_account_setting(&self.ctx, request).await.map(|answer| answer.setting.unwrap())
    }

    async fn put_default(&self, name: SettingName, value: &str) -> Setting {
        let request = PutAccountSettingDefaultRequest { name: Some(name), value: some(value) };
        self.engine.put_account_setting_default(&self.ctx, request).await.unwrap().setting.unwrap()
    }

    async fn settings(&self, request: ListAccountSettingsRequest) -> Vec<Setting> {
        self.engine.list_account_settings(&self.ctx, request).await.unwrap().settings.unwrap()
    }

    /// The value that holds for a principal, and whose it is.
    async fn effective(&self, name: SettingName, principal: &str) -> (String, String) {
        let request = ListAccountSettingsRequest {
            name: Some(name),
            principal_arn: some(principal),
            effective_settings: Some(true),
            ..ListAccountSettingsRequest::default()
        };
        let setting = self.settings(request).await.remove(0);
        (setting.value.unwrap(), setting.principal_arn.unwrap())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all members of requests are optional")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: some(key), value: some(value) }
}

#[tokio::test]
async fn every_kind_of_resource_is_tagged_and_untagged() {
    // TagResource: "If existing tags on a resource aren't specified in the request parameters, they aren't changed."
    let ecs = Ecs::start().await;
    let (cluster, definition) = (ecs.cluster().await, ecs.definition().await);
    let run = RunTaskRequest { task_definition: some("app"), ..RunTaskRequest::default() };
    let task = ecs.engine.run_task(&ecs.ctx, run).await.unwrap().tasks.unwrap().remove(0).task_arn.unwrap();
    let create = CreateServiceRequest {
        service_name: some("web"),
        task_definition: some("app"),
        desired_count: Some(0),
        ..CreateServiceRequest::default()
    };
    let service = ecs.engine.create_service(&ecs.ctx, create).await.unwrap().service.unwrap().service_arn.unwrap();
    for arn in [cluster, definition, task, service] {
        ecs.tag(&arn, &[tag("team", "blue"), tag("cost", "1")]).await.unwrap();
        ecs.tag(&arn, &[tag("cost", "2")]).await.unwrap();
        assert_eq!(ecs.tags(&arn).await.unwrap(), [tag("team", "blue"), tag("cost", "2")], "{arn}");
        ecs.untag(&arn, "cost").await.unwrap();
        ecs.untag(&arn, "nope").await.unwrap();
        assert_eq!(ecs.tags(&arn).await.unwrap(), [tag("team", "blue")], "{arn}");
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_tagged() {
    let ecs = Ecs::start().await;
    ecs.cluster().await;
    let prefix = "arn:aws:ecs:us-east-1:000000000000";
    let code = |result: Result<(), ApiError>| result.unwrap_err().code();
    let cases = [
        ("cluster/nope", ErrorCode::ClusterNotFoundException),
        ("task-definition/nope:1", ErrorCode::ResourceNotFoundException),
        ("service/default/nope", ErrorCode::ResourceNotFoundException),
        ("task/default/00000000000000000000000000000000", ErrorCode::ResourceNotFoundException),
        ("capacity-provider/nope", ErrorCode::ResourceNotFoundException),
        ("container-instance/default/nope", ErrorCode::ResourceNotFoundException),
        ("task-set/default/web/ecs-svc/1", ErrorCode::ResourceNotFoundException),
        ("pod/nope", ErrorCode::InvalidParameterException),
    ];
    for (resource, expected) in cases {
        assert_eq!(code(ecs.tag(&format!("{prefix}:{resource}"), &[tag("k", "v")]).await), expected, "{resource}");
    }
    for arn in ["cluster/default", "arn:aws:s3:::bucket", "arn:aws:ecs:eu-west-1:000000000000:cluster/default"] {
        assert_eq!(code(ecs.tag(arn, &[tag("k", "v")]).await), ErrorCode::InvalidParameterException, "{arn}");
    }
    // ListTagsForResource has no ResourceNotFoundException.
    let error = ecs.tags(&format!("{prefix}:service/default/nope")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
}

#[tokio::test]
async fn a_short_arn_cannot_be_tagged() {
    // Reported: boto/boto3 issue 2473.
    let ecs = Ecs::start().await;
    let error = ecs.tag("arn:aws:ecs:us-east-1:000000000000:service/web", &[tag("k", "v")]).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (ErrorCode::InvalidParameterException, "Long arn format must be used for tagging operations")
    );
}

#[tokio::test]
async fn an_inactive_cluster_has_no_tags_any_more() {
    // hashicorp/terraform-provider-aws matches on this text.
    let ecs = Ecs::start().await;
    let arn = ecs.cluster().await;
    ecs.engine.delete_cluster(&ecs.ctx, DeleteClusterRequest { cluster: some("default") }).await.unwrap();
    let error = ecs.tags(&arn).await.unwrap_err();
    assert_eq!(error.message(), "The specified cluster is inactive. Specify an active cluster and try again.");
}

#[tokio::test]
async fn the_reserved_prefix_is_refused_wherever_tags_are_given() {
    let ecs = Ecs::start().await;
    let arn = ecs.cluster().await;
    let reserved = vec![tag("aws:owner", "me")];
    let code = ErrorCode::InvalidParameterException;
    assert_eq!(ecs.tag(&arn, &reserved).await.unwrap_err().code(), code);
    assert_eq!(ecs.untag(&arn, "aws:owner").await.unwrap_err().code(), code);
    let create = CreateClusterRequest { cluster_name: some("b"), tags: Some(reserved.clone()), ..CreateClusterRequest::default() };
    assert_eq!(ecs.engine.create_cluster(&ecs.ctx, create).await.unwrap_err().code(), code);
    ecs.definition().await;
    let run = RunTaskRequest { task_definition: some("app"), tags: Some(reserved.clone()), ..RunTaskRequest::default() };
    assert_eq!(ecs.engine.run_task(&ecs.ctx, run).await.unwrap_err().code(), code);
    let create = CreateServiceRequest {
        service_name: some("web"),
        task_definition: some("app"),
        tags: Some(reserved),
        ..CreateServiceRequest::default()
    };
    assert_eq!(ecs.engine.create_service(&ecs.ctx, create).await.unwrap_err().code(), code);
}

#[tokio::test]
async fn a_principal_has_its_own_setting_before_the_accounts_before_the_default() {
    // PutAccountSetting: "If you specify the root user, it modifies the account setting for all users, roles, and the root user of the account
    // unless a user or role explicitly overrides these settings."
    let ecs = Ecs::start().await;
    let name = SettingName::ContainerInsights;
    assert_eq!(ecs.effective(name.clone(), USER).await, ("disabled".to_owned(), ROOT.to_owned()));
    assert_eq!(ecs.put_default(name.clone(), "enabled").await.principal_arn.as_deref(), Some(ROOT));
    assert_eq!(ecs.effective(name.clone(), USER).await, ("enabled".to_owned(), ROOT.to_owned()));
    ecs.put(name.clone(), "enhanced", Some(USER)).await.unwrap();
    assert_eq!(ecs.effective(name.clone(), USER).await, ("enhanced".to_owned(), USER.to_owned()));
    let delete = DeleteAccountSettingRequest { name: Some(name.clone()), principal_arn: some(USER) };
    ecs.engine.delete_account_setting(&ecs.ctx, delete).await.unwrap();
    assert_eq!(ecs.effective(name, USER).await, ("enabled".to_owned(), ROOT.to_owned()));
}

#[tokio::test]
async fn effective_settings_are_all_of_them_ten_a_page() {
    // "up to 10 results and a nextToken value" (ListAccountSettings); the names: SettingName.
    let ecs = Ecs::start().await;
    let request = |next_token| ListAccountSettingsRequest {
        effective_settings: Some(true),
        next_token,
        ..ListAccountSettingsRequest::default()
    };
    let first = ecs.engine.list_account_settings(&ecs.ctx, request(None)).await.unwrap();
    assert_eq!(first.settings.as_ref().unwrap().len(), 10);
    let second = ecs.engine.list_account_settings(&ecs.ctx, request(first.next_token)).await.unwrap();
    assert_eq!(second.next_token, None);
    let mut names: Vec<String> = [first.settings, second.settings]
        .into_iter()
        .flatten()
        .flatten()
        .map(|setting| setting.name.unwrap().to_string())
        .collect();
    let mut expected: Vec<&str> = SettingName::VALUES.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn only_what_was_set_is_listed_unless_the_effective_settings_are_asked_for() {
    let ecs = Ecs::start().await;
    assert_eq!(ecs.settings(ListAccountSettingsRequest::default()).await, []);
    let setting = ecs.put(SettingName::TagResourceAuthorization, "off", None).await.unwrap();
    assert_eq!(setting.r#type, Some(SettingType::User));
    assert_eq!(ecs.settings(ListAccountSettingsRequest::default()).await, [setting]);
    let with_value = |value: &str| ListAccountSettingsRequest {
        name: Some(SettingName::TagResourceAuthorization),
        value: some(value),
        ..ListAccountSettingsRequest::default()
    };
    assert_eq!(ecs.settings(with_value("on")).await, []);
    assert_eq!(ecs.settings(with_value("off")).await.len(), 1);
    let nameless = ListAccountSettingsRequest { name: None, ..with_value("off") };
    let error = ecs.engine.list_account_settings(&ecs.ctx, nameless).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
}

#[tokio::test]
async fn names_and_values_that_there_are_not_are_refused() {
    // The form of the text for a name: getmoto/moto's tests of the real service's answers. Values: PutAccountSetting in the API reference.
    let ecs = Ecs::start().await;
    let error = ecs.put("unknown".into(), "enabled", None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    assert!(error.message().starts_with("unknown should be one of [serviceLongArnFormat,"), "{}", error.message());
    let refused = [
        (SettingName::ContainerInsights, "on"),
        (SettingName::FargateTaskRetirementWaitPeriod, "3"),
        (SettingName::DefaultLogDriverMode, "enabled"),
        // Reported: aws/aws-cli#3785, with the text.
        (SettingName::TaskLongArnFormat, "ENABLED"),
    ];
    for (name, value) in refused {
        let error = ecs.put(name.clone(), value, None).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (ErrorCode::InvalidParameterException, "Invalid setting 'value'"), "{name}");
    }
    // "guardDutyActivate is read-only in Amazon ECS"
    assert!(ecs.put(SettingName::GuardDutyActivate, "on", None).await.is_err());
    let accepted = [
        (SettingName::ContainerInsights, "enhanced"),
        (SettingName::FargateTaskRetirementWaitPeriod, "14"),
        (SettingName::DefaultLogDriverMode, "blocking"),
    ];
    for (name, value) in accepted {
        ecs.put(name, value, None).await.unwrap();
    }
}

#[tokio::test]
async fn botocores_worked_examples_of_account_settings_are_accepted() {
    let examples: serde_json::Value = serde_json::from_str(include_str!("../../kecs-model/models/ecs.examples.json")).unwrap();
    let ecs = Ecs::start().await;
    let inputs = |operation: &str| {
        let examples = examples[operation].as_array().unwrap().clone();
        assert!(!examples.is_empty());
        examples.into_iter().map(|example| example["input"].to_string().into_bytes())
    };
    let decode = |json: &[u8]| kecs_model::aws_json::decode(json).unwrap();
    for input in inputs("PutAccountSetting") {
        ecs.engine.put_account_setting(&ecs.ctx, decode(&input)).await.unwrap();
    }
    for input in inputs("PutAccountSettingDefault") {
        ecs.engine.put_account_setting_default(&ecs.ctx, kecs_model::aws_json::decode(&input).unwrap()).await.unwrap();
    }
    for input in inputs("ListAccountSettings") {
        ecs.engine.list_account_settings(&ecs.ctx, kecs_model::aws_json::decode(&input).unwrap()).await.unwrap();
    }
    for input in inputs("DeleteAccountSetting") {
        ecs.engine.delete_account_setting(&ecs.ctx, kecs_model::aws_json::decode(&input).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_cluster_follows_the_account_setting_for_container_insights() {
    let ecs = Ecs::start().await;
    ecs.put_default(SettingName::ContainerInsights, "enabled").await;
    ecs.cluster().await;
    let describe = DescribeClustersRequest { include: Some(vec![ClusterField::Settings]), ..DescribeClustersRequest::default() };
    let cluster = ecs.engine.describe_clusters(&ecs.ctx, describe).await.unwrap().clusters.unwrap().remove(0);
    assert_eq!(cluster.settings.unwrap()[0].value.as_deref(), Some("enabled"));
}
