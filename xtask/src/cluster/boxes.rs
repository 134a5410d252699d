//! Clusters, by the scripts in `xtask/cluster`.

use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};

use super::{debian, kubernetes, sources};
use crate::test::{output, process};
use crate::workspace;

/// The clusters of this checkout.
#[derive(Debug)]
pub(crate) struct Boxes {
    /// The environment of the scripts, as `lib.sh` describes it.
    environment: Vec<(&'static str, std::ffi::OsString)>,
}

impl Boxes {
    /// The clusters of this checkout. What they are made of need not be there.
    ///
    /// # Errors
    /// When the tools folders do not say of which version they are.
    pub(crate) fn locate() -> Result<Self> {
        let environment = vec![
            ("KECS_CLUSTER_PATH", std::env::join_paths(kubernetes::folders()?).context("the path of a folder has a colon")?),
            ("KECS_CLUSTER_PACKAGES", debian::folder().into()),
            ("KECS_CLUSTER_IMAGES", debian::images().into()),
            // Clusters and their logs are this checkout's, also where the rest is shared.
            ("KECS_CLUSTER_BOXES", process::target("cluster/boxes").into()),
            ("KECS_CLUSTER_LOGS", process::target("cluster/logs").into()),
        ];
        Ok(Self { environment })
    }

    /// Obtains what clusters are made of and is not there yet: Kubernetes, Debian's packages, images.
    ///
    /// # Errors
    /// When something cannot be built or fetched.
    pub(crate) fn prepare(&self) -> Result<()> {
        kubernetes::build()?;
        let had_packages = debian::is_there();
        if !had_packages {
            output::line("unpacking containerd and others from Debian's packages (once)");
            workspace::run(&mut self.script("packages.sh")).context("cannot get Debian's packages")?;
        }
        if !had_packages || !debian::has_images() {
            workspace::run(&mut self.script("images.sh")).context("cannot make the images")?;
        }
        Ok(())
    }

    /// Brings a cluster up; says how long it took, or that it is up already. What it is made of must have been prepared.
    pub(crate) fn up(&self, name: &str) -> Result<()> {
        finish(self.script("box.sh").args(["up", name]), &format!("cluster {name} did not come up"))
    }

    /// Runs a command in a cluster, with this terminal, and tells how it ended.
    pub(crate) fn run(&self, name: &str, command: &[&str]) -> Result<ExitStatus> {
        status(self.within(name).args(command))
    }

    /// A command in a cluster, to be completed with its program and arguments.
    pub(crate) fn within(&self, name: &str) -> Command {
        let mut command = self.script("box.sh");
        command.args(["run", name]);
        command
    }

    /// Takes down what an earlier process may have left of a cluster, quietly.
    pub(crate) fn clear(&self, name: &str) -> Result<()> {
        finish(self.script("box.sh").args(["down", name]).stdout(Stdio::null()), &format!("an earlier cluster {name} is not gone"))
    }

    /// Takes a cluster down, if there is one.
    pub(crate) fn down(&self, name: &str) -> Result<()> {
        finish(self.script("box.sh").args(["down", name]), &format!("cluster {name} is not gone"))
    }

    /// Names the clusters of this checkout.
    pub(crate) fn list(&self) -> Result<()> {
        finish(self.script("box.sh").arg("list"), "cannot list the clusters")
    }

    /// Lets a cluster end with this process, however it ends. The returned process waits for that.
    pub(crate) fn guard(&self, name: &str) -> Result<Child> {
        let guard = self.script("box.sh");
        // In a session of its own, where Ctrl-C does not reach it.
        let mut command = Command::new("setsid");
        command.arg(guard.get_program()).args(["guard", name, &std::process::id().to_string()]).envs(self.environment.clone());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("cannot start setsid")
    }

    fn script(&self, name: &str) -> Command {
        let mut command = Command::new(sources().join(name));
        command.envs(self.environment.clone());
        command
    }
}

/// Runs a script with this terminal, where it says itself what is wrong.
fn finish(command: &mut Command, what: &str) -> Result<()> {
    ensure!(status(command)?.success(), "{what}; see above");
    Ok(())
}

fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}
