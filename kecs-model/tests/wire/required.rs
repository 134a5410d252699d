//! Required members.

use kecs_model::ecs::{CreateTaskSetRequest, LoadBalancer, RunTaskRequest};

#[test]
fn the_first_absent_member_is_named_in_the_order_of_the_model() {
    // "Required: Yes" at https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateTaskSet.html
    let mut request = CreateTaskSetRequest::default();
    assert_eq!(request.missing_required(), Some("service"));
    request.service = Some("web".to_owned());
    assert_eq!(request.missing_required(), Some("cluster"));
    request.cluster = Some("blue".to_owned());
    request.load_balancers = Some(vec![LoadBalancer::default()]);
    assert_eq!(request.missing_required(), Some("taskDefinition"));
    request.task_definition = Some("web:1".to_owned());
    assert_eq!(request.missing_required(), None);
}

#[test]
fn an_empty_value_is_not_absent() {
    let request = RunTaskRequest { task_definition: Some(String::new()), ..RunTaskRequest::default() };
    assert_eq!(request.missing_required(), None);
}
