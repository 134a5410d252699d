//! `kecs start --create-cluster` with stand-ins for kind, k3d and Docker, which note how they are called: there is no registry where tests run.
#![allow(clippy::unwrap_used, reason = "a test's helpers panic as the test itself does")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustix::process::Signal;

use super::harness::{Place, Running, Said};

/// How a cluster is reached that does not answer: nobody listens on port 1.
const KUBECONFIG: &str = r#"{"apiVersion": "v1", "kind": "Config", "current-context": "made",
 "clusters": [{"name": "made", "cluster": {"server": "http://127.0.0.1:1"}}],
 "users": [{"name": "made", "user": {}}],
 "contexts": [{"name": "made", "context": {"cluster": "made", "user": "made"}}]}"#;

/// Programs beside nothing else on the PATH.
struct Tools {
    place: Place,
}

impl Tools {
    fn new(programs: &[&str]) -> Self {
        let tools = Self { place: Place::new() };
        tools.place.write("kubeconfig.json", &format!("{KUBECONFIG}\n"));
        tools.place.write("clusters", "another\n");
        tools.place.write("docker-of", "Debian GNU/Linux 12 (bookworm)\n");
        for program in programs {
            tools.program(program, "");
        }
        tools
    }

    /// What a program does, after it has noted how it was called: with the shell's own means, and nothing of this machine.
    fn program(&self, name: &str, does: &str) {
        let place = self.place.path().display();
        let text = format!(
            r#"#!/bin/sh
echo "{name} $*" >>"{place}/calls"
show() {{ while IFS= read -r line; do echo "$line"; done <"$1"; }}
{does}
case "{name} $*" in
"docker exec "*) if [ ! -e "{place}/asked" ]; then echo >"{place}/asked"; echo "connection refused" >&2; exit 1; fi ;;
"docker version "*) echo 27.0.1 ;;
"docker info "*) show "{place}/docker-of" ;;
"docker network inspect kind "*) echo "fc00:f853:ccd:e793::1 172.18.0.1 " ;;
"docker image inspect "*"present"*) echo sha256:1 ;;
"docker image inspect "*) echo "no such image" >&2; exit 1 ;;
"kind get clusters" | "k3d cluster list --no-headers") show "{place}/clusters" ;;
"kind create "*) echo "Creating cluster ..."; echo kecs >>"{place}/clusters" ;;
"k3d cluster create "*) echo "kecs 1/1 0/0 true" >>"{place}/clusters" ;;
"kind delete "* | "k3d cluster delete "*) echo another >"{place}/clusters" ;;
"kind get kubeconfig "* | "k3d kubeconfig "*) show "{place}/kubeconfig.json" ;;
esac
"#
        );
        let file = self.place.write(&format!("bin/{name}"), &text);
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.place.kecs(words);
        command.env("PATH", self.place.path().join("bin")).env("HOME", self.place.path());
        command
    }

    fn start(&self, words: &[&str]) -> Running {
        self.start_at("127.0.0.1:0", words)
    }

    fn start_at(&self, address: &str, words: &[&str]) -> Running {
        Running::of(&mut self.command(&[&["start", "--listen", address, "--localstack", "off"], words].concat()))
    }

    fn run(&self, words: &[&str]) -> Said {
        self.command(words).output().unwrap().into()
    }

    /// How the programs were called since this was asked last.
    fn calls(&self) -> Vec<String> {
        let file = self.place.path().join("calls");
        let calls = fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
        fs::write(file, "").unwrap();
        calls
    }

    fn data(&self, name: &str) -> PathBuf {
        self.place.path().join("data/kecs").join(name)
    }
}

#[test]
fn without_a_cluster_it_is_offered_to_make_one() {
    let said = Tools::new(&[]).run(&["start", "--runtime", "kubernetes"]);
    assert_eq!(said.code, Some(78), "{}", said.stderr);
    assert!(said.stderr.contains("let one be made with --create-cluster kind or k3d"), "{}", said.stderr);
}

fn ended(running: Running) -> String {
    running.signal(Signal::TERM);
    let (status, _, stderr) = running.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    stderr
}

#[test]
fn a_cluster_is_made_used_again_and_removed_when_asked() {
    let tools = Tools::new(&["docker", "kind"]);
    let kubeconfig = tools.data("kubeconfig").canonicalize().unwrap_or_else(|_| tools.data("kubeconfig"));
    let stderr = ended(tools.start(&["--create-cluster", "kind"]));
    let create = format!("kind create cluster --name kecs --wait 300s --kubeconfig {}", kubeconfig.display());
    assert_eq!(
        tools.calls(),
        ["docker version --format {{.Server.Version}}", "kind get clusters", &create, "kind get kubeconfig --name kecs"]
    );
    assert!(stderr.contains(&format!("running `{create}`")), "it says what it does: {stderr}");
    assert!(stderr.contains("Creating cluster ..."), "the tool's own progress is seen: {stderr}");
    assert!(stderr.contains(&format!("export KUBECONFIG={}", kubeconfig.display())), "{stderr}");
    assert_eq!(fs::read_to_string(&kubeconfig).unwrap().trim(), KUBECONFIG);
    assert_eq!(fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o777, 0o600, "there are keys in it");

    let stderr = ended(tools.start(&["--create-cluster", "kind"]));
    assert!(stderr.contains("using the kind cluster kecs of this data folder"), "{stderr}");
    assert!(stderr.contains("waiting until its API is ready, 300 s at most"), "{stderr}");
    let again = ["docker version --format {{.Server.Version}}", "kind get clusters", "docker start kecs-control-plane"];
    // It is asked until it is ready, which it is not at first.
    let ready = "docker exec kecs-control-plane kubectl --kubeconfig=/etc/kubernetes/admin.conf get --raw /readyz";
    assert_eq!(tools.calls(), [&again[..], &[ready, ready, "kind get kubeconfig --name kecs"]].concat());

    let said = tools.run(&["kubernetes", "delete"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "the kind cluster kecs is removed\n"), "{}", said.stderr);
    let delete = format!("kind delete cluster --name kecs --kubeconfig {}", kubeconfig.display());
    assert_eq!(tools.calls(), ["docker version --format {{.Server.Version}}", &delete, "kind get clusters"]);
    let left = [kubeconfig, tools.data("kubernetes-cluster.json")].map(|file| file.try_exists().unwrap());
    assert_eq!(left, [false, false]);
    let said = tools.run(&["kubernetes", "delete"]);
    assert_eq!(said.code, Some(69));
    assert!(said.stderr.contains("no Kubernetes cluster was made for the data folder"), "{}", said.stderr);
    assert_eq!(tools.calls(), [""; 0], "nothing else is removed");
}

#[test]
fn k3d_does_as_well_and_nodes_get_the_sidecar_that_docker_has() {
    let tools = Tools::new(&["docker", "k3d"]);
    let sidecar = ["--task-endpoint", "http://host.k3d.internal:5373", "--sidecar-image", "sidecar:present"];
    ended(tools.start(&[&["--create-cluster", "k3d"][..], &sidecar].concat()));
    let create =
        "k3d cluster create kecs --wait --timeout 300s --kubeconfig-update-default=false --kubeconfig-switch-context=false";
    assert_eq!(
        tools.calls()[1..],
        [
            "k3d cluster list --no-headers",
            create,
            "k3d kubeconfig get kecs",
            "docker image inspect --format {{.Id}} sidecar:present",
            "k3d image import sidecar:present --cluster kecs",
        ]
    );
    ended(tools.start(&["--create-cluster", "k3d"]));
    assert!(tools.calls().contains(&"k3d cluster start kecs --wait --timeout 300s".to_owned()));
    let said = tools.run(&["start", "--create-cluster", "kind"]);
    assert!(said.stderr.contains("this data folder has the k3d cluster kecs already"), "{}", said.stderr);
    assert!(said.stderr.contains("use it with --create-cluster k3d --kube-prefix kecs"), "{}", said.stderr);
}

#[test]
fn where_pods_reach_an_endpoint_that_listens_for_them_is_found() {
    let tools = Tools::new(&["docker", "kind"]);
    let kind = ["--create-cluster", "kind", "--insecure"];
    let stderr = ended(tools.start_at("0.0.0.0:15399", &kind));
    assert!(stderr.contains("pods reach this endpoint at http://172.18.0.1:15399"), "{stderr}");
    let gateways = "docker network inspect kind --format {{range .IPAM.Config}}{{.Gateway}} {{end}}";
    let calls = tools.calls();
    assert!(calls.contains(&gateways.to_owned()), "{calls:?}");
    // Then pods have sidecars.
    assert!(calls.last().unwrap().starts_with("docker image inspect --format {{.Id}} kecs.io/kecs-sidecar:"), "{calls:?}");

    tools.place.write("docker-of", "Docker Desktop\n");
    let stderr = ended(tools.start_at("0.0.0.0:15399", &kind));
    assert!(stderr.contains("pods reach this endpoint at http://host.docker.internal:15399"), "{stderr}");
    // It is not looked for where it is said, or where nobody could reach it.
    ended(tools.start_at("0.0.0.0:15399", &[&kind[..], &["--task-endpoint", "http://10.0.0.1:15399"]].concat()));
    ended(tools.start(&kind));
    assert_eq!(tools.calls().iter().filter(|call| call.starts_with("docker info ")).count(), 1);

    let tools = Tools::new(&["docker", "k3d"]);
    let stderr = ended(tools.start_at("0.0.0.0:15399", &["--create-cluster", "k3d", "--insecure"]));
    assert!(stderr.contains("pods reach this endpoint at http://host.k3d.internal:15399"), "{stderr}");
}

#[test]
fn a_cluster_that_was_not_made_here_is_neither_used_nor_removed() {
    let tools = Tools::new(&["docker", "kind"]);
    let said = tools.run(&["start", "--create-cluster", "kind", "--kube-prefix", "another"]);
    assert_eq!(said.code, Some(64));
    assert!(said.stderr.contains("there is a kind cluster another, which was not made for this data folder"), "{}", said.stderr);
    assert_eq!(tools.run(&["kubernetes", "delete"]).code, Some(69));
}

#[test]
fn what_is_missing_is_said_with_where_to_get_it() {
    let said = Tools::new(&["kind"]).run(&["start", "--create-cluster", "kind"]);
    assert_eq!(said.code, Some(69));
    let expected = "kecs: kind and k3d need Docker, but there is no program docker on the PATH: install and start Docker, or use a cluster that is there with --kubeconfig\n";
    assert_eq!(said.stderr, expected);
    let said = Tools::new(&["docker"]).run(&["start", "--create-cluster", "k3d"]);
    assert!(
        said.stderr.contains("k3d is needed, but there is no program k3d on the PATH: install it from https://k3d.io"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_docker_that_does_not_run_is_quoted() {
    let tools = Tools::new(&["kind"]);
    tools.program("docker", "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1");
    let said = tools.run(&["start", "--create-cluster", "kind"]);
    assert_eq!(said.code, Some(69));
    assert!(said.stderr.contains("Cannot connect to the Docker daemon"), "{}", said.stderr);
}

#[test]
fn a_cluster_that_was_not_made_can_be_made_again_or_cleared_away() {
    let tools = Tools::new(&["docker"]);
    tools.program("kind", "case \"$*\" in create*) echo 'ERROR: failed to create cluster' >&2; exit 1 ;; esac");
    let said = tools.run(&["start", "--create-cluster", "kind"]);
    assert_eq!(said.code, Some(69));
    assert!(said.stderr.contains("ERROR: failed to create cluster"), "{}", said.stderr);
    assert!(said.stderr.contains("the cluster was not made: `kind create cluster"), "{}", said.stderr);
    // What is left of it is its own.
    assert_eq!(tools.run(&["kubernetes", "delete"]).code, Some(0));
}

#[test]
fn a_cluster_is_removed_only_where_its_tool_finds_it() {
    let tools = Tools::new(&["docker", "k3d"]);
    ended(tools.start(&["--create-cluster", "k3d"]));
    // As k3d 5.8.3 does where Docker does not answer: "No nodes found for cluster 'kecs', nothing to delete.", and success.
    tools.program("docker", "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1");
    tools.program("k3d", "exit 0");
    let said = tools.run(&["kubernetes", "delete"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(69), ""));
    assert!(
        said.stderr.contains("Cannot connect to the Docker daemon") && said.stderr.ends_with(": start Docker\n"),
        "{}",
        said.stderr
    );
    // It is still known, and removed when it can be, which is not believed before it is seen.
    tools.program("docker", "");
    tools.program("k3d", "case \"$*\" in *delete*) exit 0 ;; esac");
    let said = tools.run(&["kubernetes", "delete"]);
    assert!(said.stderr.contains("the k3d cluster kecs is still there: see above"), "{}", said.stderr);
    tools.program("k3d", "");
    let said = tools.run(&["kubernetes", "delete"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "the k3d cluster kecs is removed\n"), "{}", said.stderr);
}

#[test]
fn a_cluster_in_use_is_not_removed() {
    let tools = Tools::new(&["docker", "kind"]);
    let running = tools.start(&["--create-cluster", "kind"]);
    let said = tools.run(&["kubernetes", "delete"]);
    assert_eq!(said.code, Some(75));
    assert!(said.stderr.contains("end it with `kecs stop`"), "{}", said.stderr);
    ended(running);
}
