use super::*;

fn injection() -> Injection {
    Injection { sidecar: Sidecar::new("kecs-sidecar:1", "http://kecs.kecs-system:5373"), region: "eu-west-1".to_owned() }
}

/// A pod that asks, with such a specification.
fn asking(spec: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "app", "annotations": {"kecs.io/inject-aws-proxy": "true"}},
        "spec": spec,
    })
}

fn operations(pod: &Value) -> Vec<Value> {
    match injection().verdict(pod) {
        Verdict::Patched(operations) => operations,
        other => panic!("a patch was expected, not {other:?}"),
    }
}

/// Carries out the one operation that is used, `add`, as RFC 6902 has it: a member is set, an element is put before the one with its number or, with `-`,
/// at the end.
fn patched(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for operation in operations(&pod) {
        assert_eq!(operation["op"], "add");
        let (parent, key) = operation["path"].as_str().and_then(|path| path.rsplit_once('/')).expect("a path has a last part");
        match pod.pointer_mut(parent).expect("the parent is there") {
            Value::Array(elements) if key == "-" => elements.push(operation["value"].clone()),
            Value::Array(elements) => elements.insert(key.parse().expect("a number"), operation["value"].clone()),
            Value::Object(members) => drop(members.insert(key.to_owned(), operation["value"].clone())),
            other => panic!("nothing can be added to {other}"),
        }
    }
    pod
}

fn variable(container: &Value, name: &str) -> Option<String> {
    let variables = container["env"].as_array()?;
    let mut values = variables.iter().filter(|variable| variable["name"] == name);
    let value = values.next()?["value"].as_str()?.to_owned();
    assert!(values.next().is_none(), "{name} is there once");
    Some(value)
}

#[test]
fn the_whole_patch_of_a_simple_pod() {
    let operations = operations(&asking(&json!({"containers": [{"name": "app", "image": "busybox"}]})));
    let environment = json!([
        {"name": "AWS_ENDPOINT_URL", "value": "http://localhost:4566"},
        {"name": "AWS_REGION", "value": "eu-west-1"},
        {"name": "AWS_DEFAULT_REGION", "value": "eu-west-1"},
        {"name": "AWS_EC2_METADATA_DISABLED", "value": "true"},
    ]);
    let sidecar = json!({
        "name": "kecs-sidecar",
        "image": "kecs-sidecar:1",
        "command": ["/kecs-sidecar"],
        "restartPolicy": "Always",
        "env": [{"name": "KECS_ENDPOINT", "value": "http://kecs.kecs-system:5373"}, {"name": "KECS_LOG", "value": "warn"}],
        "startupProbe": {"exec": {"command": ["/kecs-sidecar", "--ready"]}, "periodSeconds": 1, "failureThreshold": 30},
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true,
            "runAsGroup": 65532, "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    assert_eq!(
        operations,
        [
            json!({"op": "add", "path": "/spec/initContainers", "value": [sidecar]}),
            json!({"op": "add", "path": "/spec/containers/0/env", "value": environment}),
        ]
    );
}

#[test]
fn only_a_pod_that_asks_is_touched() {
    let spec = json!({"containers": [{"name": "app", "image": "busybox"}]});
    for metadata in [
        json!({}),
        json!({"annotations": null}),
        json!({"annotations": {"kecs.io/inject-aws-proxy": "false"}}),
        json!({"annotations": {"other": "true"}}),
        json!({"labels": {"kecs.io/inject-aws-proxy": "true"}}),
    ] {
        assert_eq!(injection().verdict(&json!({"metadata": metadata, "spec": spec})), Verdict::Untouched, "{metadata}");
    }
    assert_eq!(injection().verdict(&Value::Null), Verdict::Untouched);
}

#[test]
fn the_pod_of_a_task_is_left_alone() {
    let mut pod = asking(&json!({"containers": [{"name": "app", "image": "busybox"}]}));
    pod["metadata"]["labels"] = json!({"kecs.io/task-id": "0123456789abcdef0123456789abcdef"});
    assert_eq!(injection().verdict(&pod), Verdict::Untouched);
}

#[test]
fn what_was_injected_is_not_injected_again() {
    let once = patched(&asking(&json!({
        "initContainers": [{"name": "migrate", "image": "busybox"}],
        "containers": [{"name": "app", "image": "busybox"}, {"name": "log", "image": "busybox", "env": []}],
    })));
    assert_eq!(injection().verdict(&once), Verdict::Untouched);
}

// "Reinvocation policy" in "Dynamic Admission Control": a webhook is asked again when a later one has changed the pod.
#[test]
fn what_another_webhook_added_meanwhile_gets_its_variables_too() {
    let mut once = patched(&asking(&json!({"containers": [{"name": "app", "image": "busybox"}]})));
    let proxy = json!({"name": "mesh", "image": "mesh"});
    once["spec"]["containers"].as_array_mut().unwrap().push(proxy.clone());
    once["spec"]["initContainers"].as_array_mut().unwrap().insert(0, proxy);
    let again = operations(&once);
    assert_eq!(again.len(), 1, "one in front of the sidecar would call nobody: {again:?}");
    assert_eq!(again[0]["path"], "/spec/containers/1/env");
}

#[test]
fn init_containers_have_aws_too() {
    let pod = patched(&asking(&json!({
        "initContainers": [{"name": "migrate", "image": "busybox"}],
        "containers": [{"name": "app", "image": "busybox"}],
    })));
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "kecs-sidecar");
    assert_eq!(variable(&pod["spec"]["initContainers"][0], "AWS_ENDPOINT_URL"), None);
    let migrate = &pod["spec"]["initContainers"][1];
    assert_eq!(
        (&migrate["name"], variable(migrate, "AWS_ENDPOINT_URL").as_deref()),
        (&json!("migrate"), Some("http://localhost:4566"))
    );
}

#[test]
fn variables_that_are_set_stay_as_they_are() {
    let environment = json!([
        {"name": "AWS_ENDPOINT_URL", "value": "http://elsewhere"},
        {"name": "AWS_DEFAULT_REGION", "valueFrom": {"configMapKeyRef": {"name": "aws", "key": "region"}}},
    ]);
    let pod = patched(&asking(&json!({"containers": [{"name": "app", "image": "busybox", "env": environment}]})));
    let app = &pod["spec"]["containers"][0];
    assert_eq!(variable(app, "AWS_ENDPOINT_URL").as_deref(), Some("http://elsewhere"));
    assert_eq!(variable(app, "AWS_REGION"), None, "it would win over the other one in some SDKs");
    assert_eq!(app["env"][1], environment[1]);
}

// "envFrom" in the reference of Container v1: values of an env with a duplicate key take precedence.
#[test]
fn what_comes_from_elsewhere_is_not_contradicted() {
    let container = json!({"name": "app", "image": "busybox", "envFrom": [{"configMapRef": {"name": "aws"}}]});
    let pod = patched(&asking(&json!({"containers": [container]})));
    let names: Vec<_> = pod["spec"]["containers"][0]["env"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["AWS_ENDPOINT_URL"]);
}

#[test]
fn a_container_that_is_called_as_the_sidecar_is_is_another_one() {
    let pod = patched(&asking(&json!({"containers": [{"name": "kecs-sidecar", "image": "busybox"}]})));
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "kecs-sidecar-1");
    assert!(variable(&pod["spec"]["containers"][0], "AWS_ENDPOINT_URL").is_some());
}

#[test]
fn where_it_cannot_be_the_pod_stays_as_it_is_and_its_owner_is_told() {
    let containers = json!([{"name": "app", "image": "busybox"}]);
    for (spec, word) in [
        (json!({"containers": containers, "hostNetwork": true}), "hostNetwork"),
        (json!({"containers": containers, "os": {"name": "windows"}}), "Linux"),
        (json!({"containers": 5}), "form"),
        (Value::Null, "form"),
    ] {
        match injection().verdict(&asking(&spec)) {
            Verdict::Warned(warning) => assert!(warning.contains(word), "{warning}"),
            other => panic!("a warning was expected, not {other:?}"),
        }
    }
}
