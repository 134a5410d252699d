use serde_json::{Value, json};

use super::{accepted, one, refusal, with};

/// A definition with these volumes, of which the container mounts `v`.
#[expect(clippy::needless_pass_by_value, reason = "callers write json! in place")]
fn mounting(volumes: Value) -> Value {
    with(one(json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}]})), json!({"volumes": volumes}))
}

fn efs(changes: Value) -> Value {
    mounting(json!([{"name": "v", "efsVolumeConfiguration": with(json!({"fileSystemId": "fs-12345678"}), changes)}]))
}

#[test]
fn a_mount_point_names_a_volume() {
    // Reported: ansible/ansible issue 35751. Measured: pf-ecs-mountpoint-source-volume-missing.
    assert_eq!(refusal(&mounting(json!([]))), "Unknown volume 'v'.");
    accepted(&mounting(json!([{"name": "v"}])));
    accepted(&mounting(json!([{"name": "v", "host": {"sourcePath": "/srv"}}])));
}

#[test]
fn volumes_are_taken_from_containers_of_the_task() {
    // Measured: pf-ecs-volumesfrom-source-container-missing.
    let from = |source: &str| one(json!({"volumesFrom": [{"sourceContainer": source}]}));
    assert_eq!(refusal(&from("nope")), "Invalid 'volumesFrom' setting. Unknown container: 'nope'.");
}

#[test]
fn a_volume_has_a_name_of_its_own_and_one_kind() {
    assert_eq!(refusal(&mounting(json!([{"name": "v"}, {"name": "v"}]))), "Volume names must be unique within a task definition.");
    assert_eq!(refusal(&mounting(json!([{"host": {}}]))), "Volume.name should not be null or empty.");
    let both = json!([{"name": "v", "host": {"sourcePath": "/srv"}, "dockerVolumeConfiguration": {"scope": "task"}}]);
    assert_eq!(
        refusal(&mounting(both)),
        "When the volume parameter is specified, only one volume configuration type should be used."
    );
}

#[test]
fn a_volume_that_is_configured_at_launch_is_mounted() {
    // Measured: pf-ecs-volume-not-referenced.
    accepted(&mounting(json!([{"name": "v", "configuredAtLaunch": true}])));
    let idle = with(one(json!({})), json!({"volumes": [{"name": "v", "configuredAtLaunch": true}]}));
    assert_eq!(refusal(&idle), "Volumes [v] are not referenced by any of the containers");
}

#[test]
fn efs_is_encrypted_where_it_is_authorized() {
    // Measured: pf-ecs-efs-iam-without-transit-encryption, -transit-encryption-port-without-encryption, -access-point-with-root-directory.
    accepted(&efs(json!({})));
    assert_eq!(
        refusal(&efs(json!({"authorizationConfig": {"iam": "ENABLED"}}))),
        "EFS IAM authorization requires TransitEncryption to be enabled."
    );
    assert_eq!(
        refusal(&efs(json!({"transitEncryptionPort": 2999}))),
        "TransitEncryptionPort requires that TransitEncryption is enabled."
    );
    let access_point = |root: &str| json!({"rootDirectory": root, "transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1"}});
    assert_eq!(
        refusal(&efs(access_point("/data"))),
        "When using an EFS access point, the root directory must either be set to \"/\" or be omitted."
    );
    accepted(&efs(access_point("/")));
}

#[test]
fn placement_constraints_are_expressions() {
    // "You can specify a maximum of 10 constraints for each task" (RegisterTaskDefinition).
    let constraint = |expression: &str| json!({"type": "memberOf", "expression": expression});
    let constrained = |constraints: Value| with(one(json!({})), json!({"placementConstraints": constraints}));
    accepted(&constrained(json!(vec![constraint("attribute:ecs.instance-type =~ t2.*"); 10])));
    assert!(refusal(&constrained(json!(vec![constraint("attribute:x == y"); 11]))).starts_with("Too many placement constraints"));
    // The start of the text: quoted by users of CloudFormation.
    assert!(refusal(&constrained(json!([constraint("==")]))).starts_with("constraint.expression '==' "));
    assert_eq!(
        refusal(&constrained(json!([{"type": "distinctInstance"}]))),
        "constraint.type 'distinctInstance' is not supported."
    );
}
