//! Attributes.

use kecs_model::ecs::{
    Attribute, DeleteAttributesRequest, EcsApi, ListAttributesRequest, PutAttributesRequest, RegisterContainerInstanceRequest,
    TargetType,
};
use kecs_model::{ApiError, ErrorCode};

use crate::support::{Ecs, arn, instance, text};

fn attribute(name: &str, value: Option<&str>, target: &str) -> Attribute {
    Attribute { name: text(name), value: value.map(str::to_owned), target_id: text(target), target_type: None }
}

async fn put(ecs: &Ecs, attributes: Vec<Attribute>) -> Result<Vec<Attribute>, ApiError> {
    let request = PutAttributesRequest { attributes: Some(attributes), ..PutAttributesRequest::default() };
    Ok(ecs.put_attributes(&ecs.ctx, request).await?.attributes.unwrap())
}

async fn values(ecs: &Ecs, name: &str, value: Option<&str>) -> Vec<(String, Option<String>)> {
    let request = ListAttributesRequest {
        target_type: Some(TargetType::ContainerInstance),
        attribute_name: text(name),
        attribute_value: value.map(str::to_owned),
        ..ListAttributesRequest::default()
    };
    let found = ecs.list_attributes(&ecs.ctx, request).await.unwrap().attributes.unwrap();
    found.into_iter().map(|it| (it.target_id.unwrap(), it.value)).collect()
}

/// PutAttributes: "If the attribute doesn't exist, it's created. If the attribute exists, its value is replaced with the specified value."
#[tokio::test(start_paused = true)]
async fn an_attribute_is_put_replaced_and_deleted() {
    let ecs = Ecs::start().await;
    let target = arn(&ecs.instance("us-east-1a").await);
    put(&ecs, vec![attribute("stack", Some("test"), &target)]).await.unwrap();
    put(&ecs, vec![attribute("stack", Some("production"), &target)]).await.unwrap();
    let ecs = ecs.restarted().await;
    assert_eq!(values(&ecs, "stack", None).await, [(target.clone(), text("production"))]);
    let request =
        DeleteAttributesRequest { attributes: Some(vec![attribute("stack", None, &target)]), ..DeleteAttributesRequest::default() };
    let deleted = ecs.delete_attributes(&ecs.ctx, request).await.unwrap().attributes.unwrap();
    assert_eq!(deleted[0].value.as_deref(), Some("production"));
    assert_eq!(values(&ecs, "stack", None).await, []);
}

/// Attribute, targetType: "This parameter is required if you use the short form ID for a resource instead of the full ARN."
#[tokio::test(start_paused = true)]
async fn a_short_id_needs_a_target_type() {
    let ecs = Ecs::start().await;
    let registered = arn(&ecs.instance("us-east-1a").await);
    let short = attribute("stack", None, registered.rsplit('/').next().unwrap());
    assert_eq!(put(&ecs, vec![short.clone()]).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
    let typed = Attribute { target_type: Some(TargetType::ContainerInstance), ..short };
    assert_eq!(put(&ecs, vec![typed]).await.unwrap()[0].target_id, Some(registered));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_there_is_told() {
    let ecs = Ecs::start().await;
    let gone = ecs.instance("us-east-1a").await;
    ecs.deregister(&gone).await;
    let unknown = "arn:aws:ecs:us-east-1:000000000000:container-instance/default/ghost".to_owned();
    for target in [arn(&gone), unknown] {
        let error = put(&ecs, vec![attribute("stack", None, &target)]).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::TargetNotFoundException);
    }
}

/// AttributeLimitExceededException: "You can apply up to 10 custom attributes for each resource." PutAttributes: "up to 10 attributes in a
/// single call".
#[tokio::test(start_paused = true)]
async fn ten_custom_attributes_are_the_most() {
    let ecs = Ecs::start().await;
    let target = arn(&ecs.instance("us-east-1a").await);
    let many = |count: usize| (0..count).map(|number| attribute(&format!("a{number}"), None, &target)).collect::<Vec<_>>();
    assert_eq!(put(&ecs, many(11)).await.unwrap_err().code(), ErrorCode::InvalidParameterException);
    put(&ecs, many(10)).await.unwrap();
    put(&ecs, many(10)).await.unwrap();
    let error = put(&ecs, vec![attribute("one-more", None, &target)]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AttributeLimitExceededException);
    assert_eq!(values(&ecs, "one-more", None).await, []);
}

/// The forms are those that Attribute documents.
#[tokio::test(start_paused = true)]
async fn names_and_values_have_their_form() {
    let ecs = Ecs::start().await;
    let target = arn(&ecs.instance("us-east-1a").await);
    put(&ecs, vec![attribute("a-_/\\.1", Some("v-_.@/\\: 1"), &target)]).await.unwrap();
    for (name, value) in [("", None), ("a b", None), ("a", Some(" v")), ("a", Some("v\u{e9}")), (&*"a".repeat(129), None)] {
        let error = put(&ecs, vec![attribute(name, value, &target)]).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidParameterException, "{name:?} {value:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn built_in_attributes_stay_as_they_are() {
    let ecs = Ecs::start().await;
    let target = arn(&ecs.instance("us-east-1a").await);
    let error = put(&ecs, vec![attribute("ecs.availability-zone", Some("moon"), &target)]).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidParameterException);
    assert_eq!(values(&ecs, "ecs.availability-zone", None).await, [(target, text("us-east-1a"))]);
}

/// ListAttributes, attributeValue: "You must also specify an attribute name to use this parameter."
#[tokio::test(start_paused = true)]
async fn attributes_are_listed_by_name_and_value() {
    let ecs = Ecs::start().await;
    let (a, _) = (ecs.instance("us-east-1a").await, ecs.instance("us-east-1b").await);
    assert_eq!(values(&ecs, "ecs.availability-zone", Some("us-east-1a")).await, [(arn(&a), text("us-east-1a"))]);
    assert_eq!(values(&ecs, "ecs.availability-zone", None).await.len(), 2);
    let nameless = ListAttributesRequest {
        target_type: Some(TargetType::ContainerInstance),
        attribute_value: text("us-east-1a"),
        ..ListAttributesRequest::default()
    };
    assert!(ecs.list_attributes(&ecs.ctx, nameless).await.is_err());
    assert!(ecs.list_attributes(&ecs.ctx, ListAttributesRequest::default()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn custom_attributes_survive_a_new_registration() {
    let ecs = Ecs::start().await;
    let target = arn(&ecs.instance("us-east-1a").await);
    put(&ecs, vec![attribute("stack", Some("test"), &target)]).await.unwrap();
    let again = RegisterContainerInstanceRequest { container_instance_arn: Some(target.clone()), ..instance("us-east-1a") };
    ecs.register_container_instance(&ecs.ctx, again).await.unwrap();
    assert_eq!(values(&ecs, "stack", None).await, [(target, text("test"))]);
}
