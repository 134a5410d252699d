//! The tools that make Kubernetes clusters of containers, by their documented command lines: kind.sigs.k8s.io/docs/user/quick-start and
//! k3d.io/stable/usage/commands.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::ClusterTool;

/// How long a cluster may take to be ready: images of a gigabyte are pulled first.
pub(super) const PATIENCE: Duration = Duration::from_mins(5);

/// The same, in the notation of both tools.
fn patience() -> String {
    format!("{}s", PATIENCE.as_secs())
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

fn line(program: &'static str, arguments: &[&str]) -> Line {
    Line { program, arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect() }
}

/// Asks whether Docker runs: it answers with the server's version.
pub(super) fn docker() -> Line {
    line("docker", &["version", "--format", "{{.Server.Version}}"])
}

/// What `docker info` calls the operating system where Docker runs in a machine of its own, whose gateway is not this machine.
pub(super) const DESKTOP: &str = "Docker Desktop";
/// The name by which containers reach this machine there: docs.docker.com/desktop/features/networking.
pub(super) const DESKTOP_HOST: &str = "host.docker.internal";
/// The name that k3d gives this machine in its clusters: k3d.io/stable/faq/faq.
pub(super) const K3D_HOST: &str = "host.k3d.internal";

/// Asks what Docker runs on.
pub(super) fn docker_of() -> Line {
    line("docker", &["info", "--format", "{{.OperatingSystem}}"])
}

/// Asks for the gateways of kind's network, which are addresses of this machine.
pub(super) fn gateways() -> Line {
    line("docker", &["network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}"])
}

/// Asks whether Docker has an image.
pub(super) fn has_image(image: &str) -> Line {
    line("docker", &["image", "inspect", "--format", "{{.Id}}", image])
}

/// A cluster by its tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cluster {
    pub(super) tool: ClusterTool,
    pub(super) name: String,
}

impl Cluster {
    /// Names the clusters of the tool that there are, one a line, with more in it behind blanks.
    pub(super) fn list(&self) -> Line {
        match self.tool {
            ClusterTool::Kind => line("kind", &["get", "clusters"]),
            ClusterTool::K3d => line("k3d", &["cluster", "list", "--no-headers"]),
        }
    }

    /// Makes it, and waits until it is ready. The user's own kubeconfig is not touched: `kubeconfig` is where kind writes instead.
    pub(super) fn create(&self, kubeconfig: &str) -> Line {
        let name = self.name.as_str();
        match self.tool {
            ClusterTool::Kind => {
                line("kind", &["create", "cluster", "--name", name, "--wait", &patience(), "--kubeconfig", kubeconfig])
            }
            ClusterTool::K3d => line(
                "k3d",
                &[
                    "cluster",
                    "create",
                    name,
                    "--wait",
                    "--timeout",
                    &patience(),
                    "--kubeconfig-update-default=false",
                    "--kubeconfig-switch-context=false",
                ],
            ),
        }
    }

    /// Starts it again, for instance after the machine was; one that runs goes on.
    pub(super) fn start(&self) -> Line {
        match self.tool {
            // kind has no command for it: its only node is a container of this name.
            ClusterTool::Kind => line("docker", &["start", &format!("{}-control-plane", self.name)]),
            ClusterTool::K3d => line("k3d", &["cluster", "start", &self.name, "--wait", "--timeout", &patience()]),
        }
    }

    /// Asks whether the API of a cluster that was started again is ready. k3d has waited for it.
    pub(super) fn ready(&self) -> Option<Line> {
        match self.tool {
            ClusterTool::Kind => Some(line(
                "docker",
                &[
                    "exec",
                    &format!("{}-control-plane", self.name),
                    "kubectl",
                    "--kubeconfig=/etc/kubernetes/admin.conf",
                    "get",
                    "--raw",
                    "/readyz",
                ],
            )),
            ClusterTool::K3d => None,
        }
    }

    /// Prints how it is reached.
    pub(super) fn kubeconfig(&self) -> Line {
        match self.tool {
            ClusterTool::Kind => line("kind", &["get", "kubeconfig", "--name", &self.name]),
            ClusterTool::K3d => line("k3d", &["kubeconfig", "get", &self.name]),
        }
    }

    /// Gives its nodes an image of Docker's.
    pub(super) fn load(&self, image: &str) -> Line {
        match self.tool {
            ClusterTool::Kind => line("kind", &["load", "docker-image", image, "--name", &self.name]),
            ClusterTool::K3d => line("k3d", &["image", "import", image, "--cluster", &self.name]),
        }
    }

    /// Removes it with all that is in it. `kubeconfig` is that which it was made with.
    pub(super) fn delete(&self, kubeconfig: &str) -> Line {
        match self.tool {
            ClusterTool::Kind => line("kind", &["delete", "cluster", "--name", &self.name, "--kubeconfig", kubeconfig]),
            ClusterTool::K3d => line("k3d", &["cluster", "delete", &self.name]),
        }
    }

    /// Where to get the tool.
    pub(super) fn home(&self) -> &'static str {
        match self.tool {
            ClusterTool::Kind => "https://kind.sigs.k8s.io",
            ClusterTool::K3d => "https://k3d.io",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tool: ClusterTool) -> Cluster {
        Cluster { tool, name: "kecs".to_owned() }
    }

    // "Creating a Cluster", "Interacting With Your Cluster", "Deleting a Cluster" and "Loading an Image Into Your Cluster" of kind's quick start, and
    // `kind create cluster --help`.
    #[test]
    fn kind_is_called_as_its_quick_start_says() {
        let kind = of(ClusterTool::Kind);
        assert_eq!(kind.list().to_string(), "kind get clusters");
        assert_eq!(
            kind.create("/data/kubeconfig").to_string(),
            "kind create cluster --name kecs --wait 300s --kubeconfig /data/kubeconfig"
        );
        assert_eq!(kind.kubeconfig().to_string(), "kind get kubeconfig --name kecs");
        assert_eq!(kind.load("app:1").to_string(), "kind load docker-image app:1 --name kecs");
        assert_eq!(kind.delete("/data/kubeconfig").to_string(), "kind delete cluster --name kecs --kubeconfig /data/kubeconfig");
        // "kind restarts": github.com/kubernetes-sigs/kind, release notes of v0.8.0.
        assert_eq!(kind.start().to_string(), "docker start kecs-control-plane");
        // When kind makes one, it asks the node's own kubectl with this kubeconfig: pkg/cluster/internal/create/actions/waitforready of v0.33.0.
        let ready = "docker exec kecs-control-plane kubectl --kubeconfig=/etc/kubernetes/admin.conf get --raw /readyz";
        assert_eq!(kind.ready().unwrap().to_string(), ready);
    }

    // The pages `k3d cluster create|list|start|delete`, `k3d kubeconfig get` and `k3d image import` of k3d's documentation.
    // Tried on 2026-11-28 with k3d 5.8.3 and Docker 20.10.24, whose nodes had an API server and no k3s.
    #[test]
    fn k3d_is_called_as_its_pages_say() {
        let k3d = of(ClusterTool::K3d);
        assert_eq!(k3d.list().to_string(), "k3d cluster list --no-headers");
        assert_eq!(
            k3d.create("/unused").to_string(),
            "k3d cluster create kecs --wait --timeout 300s --kubeconfig-update-default=false --kubeconfig-switch-context=false"
        );
        assert_eq!(k3d.start().to_string(), "k3d cluster start kecs --wait --timeout 300s");
        assert_eq!(k3d.kubeconfig().to_string(), "k3d kubeconfig get kecs");
        assert_eq!(k3d.load("app:1").to_string(), "k3d image import app:1 --cluster kecs");
        assert_eq!(k3d.delete("/unused").to_string(), "k3d cluster delete kecs");
    }
}
