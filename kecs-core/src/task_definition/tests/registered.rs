use kecs_model::aws_json;
use serde_json::{Value, json};

use super::{awsvpc, container, fargate, of, one, register, with};

fn echo(definition: &Value) -> Value {
    serde_json::from_slice(&aws_json::encode(&register(definition)).unwrap()).unwrap()
}

#[test]
fn botocores_worked_example_comes_back_with_what_ecs_fills_in() {
    // ecs.examples.json, RegisterTaskDefinition; systemControls came later (botocore 1.29 and on).
    let answer = echo(&json!({
        "containerDefinitions": [{"command": ["sleep", "360"], "cpu": 10, "essential": true, "image": "busybox", "memory": 10, "name": "sleep"}],
        "family": "sleep360", "taskRoleArn": "", "volumes": [],
    }));
    assert_eq!(
        answer["containerDefinitions"],
        json!([{
            "command": ["sleep", "360"], "cpu": 10, "environment": [], "essential": true, "image": "busybox", "memory": 10,
            "mountPoints": [], "name": "sleep", "portMappings": [], "systemControls": [], "volumesFrom": [],
        }])
    );
    assert_eq!(answer["volumes"], json!([]));
    assert_eq!(answer["placementConstraints"], json!([]));
}

#[test]
fn nothing_else_is_added_to_a_container() {
    // Terraform's aws_ecs_task_definition ignores these defaults (container_definitions.go of hashicorp/terraform-provider-aws) and replaces
    // the definition for any other difference.
    let sent = json!({
        "name": "app", "image": "nginx", "cpu": 0, "memory": 128, "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [],
        "systemControls": [], "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp", "name": "http", "appProtocol": "http"}],
        "dockerLabels": {"a": "b"}, "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}], "user": "1000", "stopTimeout": 5,
        "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
    });
    let answer = echo(&of(json!([sent])));
    assert_eq!(answer["containerDefinitions"], json!([sent]));
    let absent = [
        "networkMode",
        "cpu",
        "memory",
        "taskRoleArn",
        "executionRoleArn",
        "runtimePlatform",
        "requiresCompatibilities",
        "pidMode",
    ];
    for member in absent {
        assert!(answer.get(member).is_none(), "{member}");
    }
}

#[test]
fn a_health_check_has_its_defaults() {
    // HealthCheck in the API reference: interval 30, timeout 5, retries 3, startPeriod off.
    let answer = echo(&one(json!({"healthCheck": {"command": ["CMD", "true"]}})));
    assert_eq!(
        answer["containerDefinitions"][0]["healthCheck"],
        json!({"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3})
    );
}

#[test]
fn a_host_port_follows_the_network_mode() {
    // PortMapping, hostPort: same as the container port with awsvpc and host, dynamic (0) with bridge. Protocol: "The default is tcp."
    let mapping = one(json!({"portMappings": [{"containerPort": 80}]}));
    let port = |definition: &Value| echo(definition)["containerDefinitions"][0]["portMappings"][0].clone();
    assert_eq!(port(&mapping), json!({"containerPort": 80, "hostPort": 0, "protocol": "tcp"}));
    assert_eq!(port(&awsvpc(mapping)), json!({"containerPort": 80, "hostPort": 80, "protocol": "tcp"}));
}

#[test]
fn sizes_become_numbers() {
    // "String values are converted to an integer indicating the CPU units when the task definition is registered" (RegisterTaskDefinition).
    let answer = echo(&with(one(json!({})), json!({"cpu": ".5 vCPU", "memory": "1 GB"})));
    assert_eq!((&answer["cpu"], &answer["memory"]), (&json!("512"), &json!("1024")));
}

#[test]
fn the_compatibilities_are_what_the_definition_fits() {
    // As quoted from DescribeTaskDefinition of real accounts: ["EXTERNAL", "EC2"] for bridge, ["EC2", "MANAGED_INSTANCES", "FARGATE"] for awsvpc
    // with a size.
    assert_eq!(echo(&one(json!({})))["compatibilities"], json!(["EXTERNAL", "EC2"]));
    assert_eq!(echo(&fargate(json!({})))["compatibilities"], json!(["EC2", "MANAGED_INSTANCES", "FARGATE"]));
    let unsized_task = awsvpc(one(json!({})));
    assert_eq!(echo(&unsized_task)["compatibilities"], json!(["EC2", "MANAGED_INSTANCES"]));
}

#[test]
fn the_required_attributes_are_those_that_aws_derives() {
    // A real answer of July 2026 for such a definition: Fargate, ECR image, awslogs, health check, parameter store secrets, both roles.
    let definition = with(
        fargate(json!({
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/search:1",
            "healthCheck": {"command": ["CMD", "true"]},
            "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/token"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs",
            }},
        })),
        json!({"taskRoleArn": "arn:aws:iam::123456789012:role/t", "executionRoleArn": "arn:aws:iam::123456789012:role/e"}),
    );
    let answer = echo(&definition);
    let mut names: Vec<&str> =
        answer["requiresAttributes"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let mut expected = [
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "ecs.capability.execution-role-awslogs",
        "com.amazonaws.ecs.capability.ecr-auth",
        "com.amazonaws.ecs.capability.docker-remote-api.1.19",
        "com.amazonaws.ecs.capability.task-iam-role",
        "ecs.capability.container-health-check",
        "ecs.capability.execution-role-ecr-pull",
        "ecs.capability.secrets.ssm.environment-variables",
        "com.amazonaws.ecs.capability.docker-remote-api.1.18",
        "ecs.capability.task-eni",
        "com.amazonaws.ecs.capability.docker-remote-api.1.29",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn dependencies_ask_for_container_ordering() {
    // A real answer of August 2024 for a definition with dependsOn.
    let waits = container(json!({"dependsOn": [{"containerName": "db", "condition": "START"}]}));
    let answer = echo(&of(json!([waits, container(json!({"name": "db"}))])));
    let names = answer["requiresAttributes"].as_array().unwrap();
    assert!(names.contains(&json!({"name": "ecs.capability.container-ordering"})), "{names:?}");
}

#[test]
fn log_routers_ask_for_what_the_agent_announces() {
    // capabilityFirelensFluentbit, capabilityFirelensConfigS3 and capabilityFirelensLoggingDriver of the ECS agent.
    let options = json!({"config-file-type": "s3", "config-file-value": "arn:aws:s3:::bucket/fluent.conf"});
    let router = container(json!({"name": "router", "firelensConfiguration": {"type": "fluentbit", "options": options}}));
    let app = container(json!({"logConfiguration": {"logDriver": "awsfirelens"}}));
    let answer = echo(&of(json!([app, router])));
    let names = answer["requiresAttributes"].as_array().unwrap();
    for name in [
        "ecs.capability.firelens.fluentbit",
        "ecs.capability.firelens.options.config.s3",
        "com.amazonaws.ecs.capability.logging-driver.awsfirelens",
    ] {
        assert!(names.contains(&json!({"name": name})), "{name} is not in {names:?}");
    }
}
