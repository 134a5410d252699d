use std::time::Duration;

use kecs_core::SecretValue;
use kecs_core::TaskSpec;
use kecs_core::task_spec::{Condition, EnvValue, HealthCommand, Mount, NetworkMode, Volume, VolumeSource};
use kecs_core::testing::{container, spec};
use serde_json::Value;

use super::made;

/// Read by hand, and to be read again when it changes.
const POD: &str = include_str!("whole.json");

#[test]
fn a_web_server_with_its_migration_is_this_pod() {
    let migrate = container("migrate").essential(false).command(["migrate", "--to", "latest"]).with(|spec| {
        "registry.example/web:3".clone_into(&mut spec.image);
        let password = EnvValue::Secret(SecretValue::new("hush".to_owned()));
        spec.environment.push(("DB_PASSWORD".to_owned(), password));
    });
    let web = container("Web")
        .port(8080, None)
        .env("MODE", "production")
        .depends_on("migrate", Condition::Success)
        .stop_timeout(Duration::from_mins(1))
        .health_check(HealthCommand::Shell("curl -f http://localhost:8080/health".to_owned()), Duration::from_secs(10))
        .with(|spec| {
            "registry.example/web:3".clone_into(&mut spec.image);
            spec.memory = Some(512);
            spec.readonly_root = true;
            spec.mounts.push(Mount { volume: "cache".to_owned(), path: "/var/cache".to_owned(), read_only: false });
        });
    let mut task = spec([web, migrate]);
    task.task.id = "0123456789abcdef0123456789abcdef".parse().expect("it is a task id");
    task.arn = "arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef".into();
    let task = TaskSpec {
        group: "service:web".into(),
        cpu: Some(256),
        memory: Some(1024),
        network_mode: NetworkMode::AwsVpc,
        volumes: vec![Volume { name: "cache".to_owned(), source: VolumeSource::Task }],
        ..task
    };
    let pod = serde_json::to_value(made(&task).pod).expect("a pod has a JSON form");
    let expected: Value = serde_json::from_str(POD).expect("the file is JSON");
    assert_eq!(pod, expected, "{}", serde_json::to_string_pretty(&pod).unwrap_or_default());
}
