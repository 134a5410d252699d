//! ECS's rules for containers, as they show in real processes. The rules themselves are tested in kecs-core.

use std::time::Duration;

use kecs_core::task_spec::{Condition, HealthCommand};
use kecs_core::testing::spec;
use kecs_core::{Health, StopCause, TaskManager};

use crate::support::{Host, code, named, only, shell};

#[tokio::test]
async fn a_container_waits_for_what_it_depends_on() {
    let host = Host::new().await;
    let spec = spec([
        shell("web", "cat ../init/done").depends_on("init", Condition::Success),
        shell("init", "sleep 0.1; echo made > done").essential(false),
    ]);
    let task = host.run_to_end(&spec).await;
    assert_eq!(code(named(&task, "web")), Some(0));
    assert_eq!(host.output(&spec.task, "web").await, ["made"]);
}

#[tokio::test]
async fn a_health_check_runs_where_its_container_does() {
    let host = Host::new().await;
    let check = HealthCommand::Shell("test \"$SECRET_WORD\" = please && test -e up".to_owned());
    let web = shell("web", "touch up; exec sleep 600").env("SECRET_WORD", "please").health_check(check, Duration::from_millis(50));
    let spec = spec([web]);
    host.ensure(&spec).await;
    host.until(&spec.task, |task| only(task).health == Health::Healthy).await;
}

#[tokio::test]
async fn a_health_check_that_takes_too_long_has_failed() {
    let host = Host::new().await;
    let check = HealthCommand::Exec(vec!["sleep".to_owned(), "600".to_owned()]);
    let web = shell("web", "exec sleep 600").health_check(check, Duration::from_millis(20)).with(|spec| {
        let check = spec.health_check.as_mut().unwrap();
        (check.timeout, check.retries) = (Duration::from_millis(50), 2);
    });
    let spec = spec([web]);
    host.ensure(&spec).await;
    host.until(&spec.task, |task| only(task).health == Health::Unhealthy).await;
}

#[tokio::test]
async fn a_container_is_restarted_in_place_by_its_policy() {
    let host = Host::new().await;
    let line = "echo x >> runs; [ $(wc -l < runs) -lt 3 ] || exit 42; exit 1";
    let spec = spec([shell("web", line).restarts(Duration::ZERO, &[42])]);
    let task = host.run_to_end(&spec).await;
    assert_eq!((only(&task).restarts, code(only(&task))), (2, Some(42)));
}

#[tokio::test]
async fn the_end_of_an_essential_container_stops_the_others() {
    let host = Host::new().await;
    let spec = spec([shell("web", "exit 0"), shell("side", "exec sleep 600").essential(false)]);
    let task = host.run_to_end(&spec).await;
    assert_eq!(task.cause, Some(StopCause::EssentialContainerExited));
    assert_eq!(code(named(&task, "side")), Some(143));
}

#[tokio::test]
async fn stopping_is_accepted_again_and_again() {
    let host = Host::new().await;
    let spec = spec([shell("web", "exec sleep 600")]);
    host.run(&spec).await;
    for _ in 0..3 {
        host.tasks().stop_task(&spec.task).await.unwrap();
    }
    host.end(&spec.task).await;
    host.tasks().stop_task(&spec.task).await.unwrap();
}
