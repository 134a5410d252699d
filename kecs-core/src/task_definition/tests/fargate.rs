use serde_json::{Value, json};

use super::{accepted, awsvpc, fargate, one, refusal, with};

fn sized(cpu: &str, memory: &str) -> Value {
    with(fargate(json!({})), json!({"cpu": cpu, "memory": memory}))
}

#[test]
fn every_combination_of_the_table_is_accepted() {
    // The table is under `memory` of RegisterTaskDefinition in the API reference.
    let gib = |range: std::ops::RangeInclusive<u32>, step: usize| range.step_by(step).map(|gib| gib * 1024).collect::<Vec<_>>();
    let table = [
        (256, vec![512, 1024, 2048]),
        (512, gib(1..=4, 1)),
        (1024, gib(2..=8, 1)),
        (2048, gib(4..=16, 1)),
        (4096, gib(8..=30, 1)),
        (8192, gib(16..=60, 4)),
        (16384, gib(32..=120, 8)),
    ];
    for (cpu, memories) in table {
        for memory in memories {
            accepted(&sized(&cpu.to_string(), &memory.to_string()));
        }
    }
    accepted(&sized(".25 vCPU", "0.5 GB"));
    accepted(&sized("1 vcpu", "2GB"));
}

#[test]
fn any_other_combination_is_refused() {
    // Measured: pf-ecs-fargate-windows-cpu-under-1vcpu; reported: towardsthecloud/aws-cdk-examples issue 1.
    for (cpu, memory) in [(256, 300), (256, 4096), (512, 512), (512, 1536), (1024, 1024), (4096, 31744), (8192, 18432), (300, 512)]
    {
        assert_eq!(
            refusal(&sized(&cpu.to_string(), &memory.to_string())),
            format!(
                "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
            )
        );
    }
}

#[test]
fn windows_needs_a_whole_virtual_cpu() {
    // Measured: pf-ecs-fargate-windows-cpu-under-1vcpu.
    let windows =
        |cpu: &str| with(sized(cpu, "2048"), json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}));
    assert_eq!(
        refusal(&windows("512")),
        "No Fargate configuration exists for given values: 512 CPU, 2048 memory. See the Amazon ECS documentation for the valid values."
    );
    accepted(&windows("1024"));
}

#[test]
fn the_task_has_a_size_and_the_network_mode_awsvpc() {
    // Measured: pf-ecs-fargate-task-cpu-memory, pf-ecs-fargate-network-mode; the quotes: aws/amazon-ecs-cli issue 1145.
    assert_eq!(
        refusal(&with(fargate(json!({})), json!({"cpu": null}))),
        "Fargate requires that 'cpu' be defined at the task level."
    );
    assert_eq!(
        refusal(&with(fargate(json!({})), json!({"memory": null}))),
        "Fargate requires that 'memory' be defined at the task level."
    );
    for mode in [json!(null), json!("bridge"), json!("host")] {
        assert_eq!(
            refusal(&with(fargate(json!({})), json!({"networkMode": mode}))),
            "Fargate only supports network mode ‘awsvpc’."
        );
    }
}

#[test]
fn what_fargate_has_not_is_refused_by_name() {
    // Measured: pf-ecs-fargate-devices, -shared-memory-size, -max-swap, -docker-security-options, -ipc-mode, -placement-constraints,
    // -host-source-path, -docker-volume.
    let linux = |setting: Value| fargate(json!({"linuxParameters": setting}));
    let cases = [
        (linux(json!({"devices": [{"hostPath": "/dev/fuse"}]})), "devices"),
        (linux(json!({"sharedMemorySize": 64})), "sharedMemorySize"),
        (linux(json!({"maxSwap": 64})), "maxSwap"),
        (fargate(json!({"dockerSecurityOptions": ["no-new-privileges"]})), "dockerSecurityOptions"),
        (with(fargate(json!({})), json!({"ipcMode": "task"})), "ipcMode"),
        (
            with(
                fargate(json!({})),
                json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]}),
            ),
            "constraints",
        ),
        (with(fargate(json!({})), json!({"volumes": [{"name": "v", "host": {"sourcePath": "/data"}}]})), "sourcePath"),
        (
            with(fargate(json!({})), json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {}}]})),
            "dockerVolumeConfiguration",
        ),
    ];
    for (definition, what) in cases {
        assert_eq!(refusal(&definition), format!("Fargate compatible task definitions do not support {what}"));
    }
}

#[test]
fn privileges_are_refused() {
    // Measured: pf-ecs-fargate-privileged, -capabilities-add, -gpu-resource, -pid-mode-host.
    assert_eq!(
        refusal(&fargate(json!({"privileged": true}))),
        "Fargate requires that the ‘privileged’ setting be ‘false’ at the container level."
    );
    let adds = |capability: &str| fargate(json!({"linuxParameters": {"capabilities": {"add": [capability]}}}));
    assert_eq!(refusal(&adds("NET_ADMIN")), "NET_ADMIN is not allowed on Fargate.");
    accepted(&adds("SYS_PTRACE"));
    assert_eq!(
        refusal(&fargate(json!({"resourceRequirements": [{"type": "GPU", "value": "1"}]}))),
        "Tasks using the Fargate launch type do not support GPU resource requirements."
    );
    assert_eq!(
        refusal(&with(fargate(json!({})), json!({"pidMode": "host"}))),
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'."
    );
    accepted(&with(fargate(json!({})), json!({"pidMode": "task"})));
}

#[test]
fn a_container_stops_within_two_minutes() {
    // Reported for CloudFormation: "must have a container stop timeout of less than 120 seconds"; 120 itself is "the max stop timeout value"
    // (ContainerDefinition).
    accepted(&fargate(json!({"stopTimeout": 120})));
    assert_eq!(
        refusal(&fargate(json!({"stopTimeout": 121}))),
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds."
    );
    accepted(&one(json!({"stopTimeout": 300})));
}

#[test]
fn logs_and_private_images_need_an_execution_role() {
    // Reported: virtual-kubelet/virtual-kubelet issue 193, hashicorp/terraform-provider-aws issue 3051. Measured:
    // pf-ecs-fargate-log-driver-unsupported, pf-ecs-awslogs-fargate-missing-stream-prefix.
    let role = json!({"executionRoleArn": "arn:aws:iam::123456789012:role/exec"});
    let awslogs = |options: Value| fargate(json!({"logConfiguration": {"logDriver": "awslogs", "options": options}}));
    let complete = json!({"awslogs-region": "us-east-1", "awslogs-group": "/ecs/app", "awslogs-stream-prefix": "ecs"});
    assert_eq!(
        refusal(&awslogs(complete.clone())),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs."
    );
    accepted(&with(awslogs(complete.clone()), role.clone()));
    assert_eq!(
        refusal(&with(awslogs(with(complete, json!({"awslogs-stream-prefix": null}))), role.clone())),
        "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs."
    );
    let json_file = fargate(json!({"logConfiguration": {"logDriver": "json-file"}}));
    assert_eq!(refusal(&json_file), "json-file is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]");
    let private = fargate(json!({"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1"}));
    assert_eq!(refusal(&private), "Fargate requires task definition to have execution role ARN to support ECR images.");
    accepted(&with(private, role));
}

#[test]
fn ephemeral_storage_has_21_to_200_gib_and_only_on_fargate() {
    // Measured: pf-ecs-ephemeral-storage-range, pf-ecs-fargate-ephemeral-storage-ec2.
    let storage = |gib: i32| with(fargate(json!({})), json!({"ephemeralStorage": {"sizeInGiB": gib}}));
    accepted(&storage(21));
    accepted(&storage(200));
    assert_eq!(refusal(&storage(20)), "EphemeralStorage size should be at least 21");
    assert_eq!(refusal(&storage(201)), "EphemeralStorage size should be at most 200");
    let on_ec2 = with(awsvpc(one(json!({}))), json!({"ephemeralStorage": {"sizeInGiB": 30}}));
    assert_eq!(refusal(&on_ec2), "Tasks using the EC2 launch type do not support EphemeralStorage.");
}
