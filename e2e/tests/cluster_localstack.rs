//! LocalStacks of KECS in a real cluster, by the command; the image is the stand-in that the cluster has.
//!
//! `cargo xtask test --only cluster` runs it inside one, and names the binary (`KECS_BIN`) and a Python with the AWS CLI (`KECS_CLIENTS_PYTHON`).

use std::path::PathBuf;

use e2e::Kecs;

const NAMESPACE: &str = "aws-goes";

fn kubectl(words: &[&str]) -> String {
    e2e::kubectl(&[words, &["--namespace", NAMESPACE]].concat())
}

#[test]
fn a_localstack_goes_with_its_cluster_at_the_next_start() {
    let python =
        PathBuf::from(std::env::var_os("KECS_CLIENTS_PYTHON").expect("the step `cluster` names a Python with the AWS CLI"));
    let arguments = [
        &["--runtime", "kubernetes", "--kube-prefix", "goes", "--kube-pull-policy", "IfNotPresent"][..],
        &["--kube-localstack-namespace", NAMESPACE, "--kube-localstack-image", "registry.test/localstack"],
    ]
    .concat();
    let kecs = Kecs::start(&arguments);
    for name in ["goes", "stays"] {
        let made = kecs.command(&["create-cluster", "--name", name, "--localstack-services", "s3"]);
        assert!(made.success, "{made:?}");
    }
    let there = |kind: &str| kubectl(&["get", kind, "--output", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!([there("deployments"), there("services")], ["localstack-goes localstack-stays"; 2]);
    let deleted = kecs.aws(&python, &["ecs", "delete-cluster", "--cluster", "goes"]);
    assert!(deleted.success, "{deleted:?}");

    let kecs = Kecs::start_in(kecs.ended(), &arguments, &[]);
    kubectl(&["wait", "--for=delete", "deployment/localstack-goes", "--timeout=60s"]);
    assert_eq!([there("deployments"), there("services")], ["localstack-stays"; 2]);
    let status = kecs.command(&["localstack", "status"]).stdout;
    assert!(status.contains("stays: ") && !status.contains("goes: "), "{status}");
}
