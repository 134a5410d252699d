//! ListTasks: its filters, and its pages.

use std::collections::BTreeSet;

use kecs_model::ErrorCode;
use kecs_model::ecs::{EcsApi, ListTasksRequest};
use serde_json::{Value, json};

use crate::ecs::{Ecs, arn, assert_invalid, assert_refused, request};

/// All pages of this size. `between` is done after each.
async fn pages(ecs: &Ecs, size: i32, between: impl AsyncFn(&[String])) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next_token = None;
    loop {
        let input = ListTasksRequest { max_results: Some(size), next_token, ..ListTasksRequest::default() };
        let response = ecs.engine.list_tasks(&ecs.ctx, input).await.unwrap();
        let page = response.task_arns.unwrap();
        between(&page).await;
        pages.push(page);
        next_token = response.next_token;
        if next_token.is_none() {
            return pages;
        }
    }
}

async fn run_many(ecs: &Ecs, tens: usize) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for _ in 0..tens {
        all.extend(ecs.run(json!({ "count": 10 })).await.iter().map(arn));
    }
    all
}

#[tokio::test(start_paused = true)]
async fn pages_hold_every_task_once() {
    let ecs = Ecs::start().await;
    let all = run_many(&ecs, 205).await;
    // "If this parameter isn't used, then ListTasks returns up to 100 results" (maxResults).
    assert_eq!(ecs.list(json!({})).await.len(), 100);
    let pages = pages(&ecs, 100, async |_| {}).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [[100; 20].as_slice(), &[50]].concat());
    let listed: Vec<String> = pages.concat();
    assert_eq!(listed.len(), all.len());
    assert_eq!(BTreeSet::from_iter(listed), all);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_vanish_between_pages_hide_no_others() {
    let ecs = Ecs::start().await;
    let all = run_many(&ecs, 10).await;
    // The last task of each page goes, to which the next page's token points.
    let pages = pages(&ecs, 7, async |page| {
        let last = page.last().unwrap();
        ecs.try_stop(json!({ "task": last })).await.unwrap();
    })
    .await;
    let listed: Vec<String> = pages.concat();
    assert_eq!(listed.len(), all.len());
    assert_eq!(BTreeSet::from_iter(listed), all);
}

#[tokio::test(start_paused = true)]
async fn a_page_has_one_to_a_hundred_tasks() {
    let ecs = Ecs::start().await;
    for size in [0, -1, 101] {
        assert!(ecs.try_list(json!({ "maxResults": size })).await.is_err(), "{size}");
    }
    for token in ["x", "zz", "2f"] {
        assert!(ecs.try_list(json!({ "nextToken": token })).await.is_err(), "{token}");
    }
}

#[tokio::test(start_paused = true)]
async fn filters_narrow_and_combine() {
    let ecs = Ecs::start().await;
    ecs.register(json!({ "family": "job", "containerDefinitions": [{ "name": "job", "image": "job:1", "memory": 128 }] })).await;
    let app = arn(&ecs.run_one().await);
    let job = arn(&ecs.run(json!({ "taskDefinition": "job", "startedBy": "cron" })).await[0]);
    let of_service = ecs.service("web", 2).await;
    let everything: BTreeSet<String> = [app.clone(), job.clone()].into_iter().chain(of_service.clone()).collect();
    let of_app: BTreeSet<String> = [app].into_iter().chain(of_service.clone()).collect();
    let job = BTreeSet::from([job]);
    let of_service = BTreeSet::from_iter(of_service);
    let none = BTreeSet::new();
    for (filter, expected) in [
        (json!({}), &everything),
        (json!({ "cluster": "arn:aws:ecs:us-east-1:000000000000:cluster/default" }), &everything),
        (json!({ "family": "app" }), &of_app),
        (json!({ "family": "job" }), &job),
        (json!({ "family": "jo" }), &none),
        (json!({ "startedBy": "cron" }), &job),
        (json!({ "serviceName": "web" }), &of_service),
        (json!({ "serviceName": "arn:aws:ecs:us-east-1:000000000000:service/default/web" }), &of_service),
        (json!({ "serviceName": "arn:aws:ecs:us-east-1:000000000000:service/web" }), &of_service),
        (json!({ "launchType": "EC2" }), &everything),
        (json!({ "launchType": "FARGATE" }), &none),
        (json!({ "family": "job", "launchType": "EC2" }), &job),
        (json!({ "family": "job", "launchType": "FARGATE" }), &none),
        (json!({ "containerInstance": "f6bbb147-5370-4ace-8c73-c7181ded911f" }), &none),
        (json!({ "daemonName": "agent" }), &none),
        // "Although you can filter results based on a desired status of PENDING, this doesn't return any results."
        (json!({ "desiredStatus": "PENDING" }), &none),
        (json!({ "desiredStatus": "STOPPED" }), &none),
    ] {
        let listed = ecs.list(filter.clone()).await;
        assert_eq!(&BTreeSet::from_iter(listed), expected, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_to_stop_are_listed_apart() {
    // "The default status filter is RUNNING, which shows tasks that Amazon ECS has set the desired status to RUNNING" (desiredStatus).
    let ecs = Ecs::start().await;
    let running = ecs.running(json!({ "startedBy": "me" })).await;
    let stopping = ecs.running(json!({ "startedBy": "me" })).await;
    ecs.stop(&stopping).await;
    for filter in [json!({}), json!({ "startedBy": "me" }), json!({ "family": "app" }), json!({ "launchType": "EC2" })] {
        let listed = async |status: Option<&str>| {
            let mut filter = filter.clone();
            filter["desiredStatus"] = status.map_or(Value::Null, Value::from);
            ecs.list(filter).await
        };
        assert_eq!(listed(None).await, [arn(&running)]);
        assert_eq!(listed(Some("RUNNING")).await, [arn(&running)]);
        assert_eq!(listed(Some("STOPPED")).await, [arn(&stopping)]);
    }
}

#[tokio::test(start_paused = true)]
async fn filters_that_aws_refuses_together_are_refused() {
    // aws/aws-sdk-go-v2#1893 and boto/boto3#874 have the texts.
    let ecs = Ecs::start().await;
    ecs.service("web", 1).await;
    for other in ["family", "serviceName", "containerInstance", "launchType", "daemonName"] {
        let value = if other == "launchType" { "EC2" } else { "web" };
        let refused = ecs.try_list(json!({ "startedBy": "me", other: value })).await;
        assert_invalid(refused, "cannot specify startedBy with other arguments");
    }
    for other in ["family", "containerInstance", "daemonName"] {
        let refused = ecs.try_list(json!({ "serviceName": "web", other: "web" })).await;
        assert_invalid(refused, "cannot specify serviceName with other arguments");
    }
    // Apache Airflow lists by startedBy and desiredStatus; the AWS CLI's users by serviceName and desiredStatus.
    ecs.list(json!({ "startedBy": "me", "desiredStatus": "RUNNING" })).await;
    ecs.list(json!({ "serviceName": "web", "desiredStatus": "STOPPED" })).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_names_must_make_sense() {
    let ecs = Ecs::start().await;
    // turbot/steampipe-plugin-aws#1415 has the text.
    let refused = ecs.try_list(json!({ "serviceName": "nope" })).await;
    assert_refused(refused, ErrorCode::ServiceNotFoundException, "Service not found.");
    let text = "Invalid identifier: Identifier is for cluster other. Your cluster is default";
    for (parameter, kind) in [("serviceName", "service"), ("containerInstance", "container-instance")] {
        let elsewhere = format!("arn:aws:ecs:us-east-1:000000000000:{kind}/other/web");
        assert_invalid(ecs.try_list(json!({ parameter: elsewhere })).await, text);
    }
    // mightyguava/ecsq#9 has the text for services.
    let task = "arn:aws:ecs:us-east-1:000000000000:task/default/x";
    assert_invalid(ecs.try_list(json!({ "serviceName": task })).await, "Service Identifier is invalid");
    assert_invalid(ecs.try_list(json!({ "containerInstance": task })).await, "Container Instance Identifier is invalid");
    let unknown = ecs.try_list(json!({ "cluster": "nope" })).await;
    assert_refused(unknown, ErrorCode::ClusterNotFoundException, "Cluster not found.");
    for (parameter, value) in [("desiredStatus", "DONE"), ("launchType", "MOON")] {
        assert!(ecs.try_list(json!({ parameter: value })).await.is_err());
    }
    // Another region's instance has no tasks of ours.
    let elsewhere = "arn:aws:ecs:eu-west-1:000000000000:container-instance/default/x";
    assert_eq!(ecs.list(json!({ "containerInstance": elsewhere })).await, Vec::<String>::new());
    let delete = request(json!({ "cluster": "default" }));
    ecs.engine.delete_cluster(&ecs.ctx, delete).await.unwrap();
    let inactive = ecs.try_list(json!({})).await;
    assert_refused(inactive, ErrorCode::ClusterNotFoundException, "The referenced cluster was inactive.");
}
