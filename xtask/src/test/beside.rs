//! A second cluster beside the first: made of the programs that `KUBEBUILDER_ASSETS` names, and gone without a trace.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::process;
use super::tally::Tally;
use crate::cluster::Boxes;
use crate::workspace;

const NAME: &str = "beside";

/// Brings it up beside the cluster of this name, and takes it down.
pub(crate) fn run(boxes: &Boxes, first: &str) -> Result<Tally> {
    boxes.clear(NAME)?;
    let mut guard = boxes.guard(NAME)?;
    let outcome = try_it(boxes, first);
    boxes.down(NAME)?;
    guard.kill().and_then(|()| guard.wait()).context("cannot end the guard of the cluster")?;
    Ok(match outcome {
        Ok(()) => Tally::passed(),
        Err(error) => Tally::failed(format!("a second cluster: {error:#}")),
    })
}

fn try_it(boxes: &Boxes, first: &str) -> Result<()> {
    let assets = assets(boxes, first)?;
    chore("up", &assets)?;
    let [ours, its] =
        [first, NAME].map(|name| inside(boxes, name, "kubectl get namespace kube-system --output jsonpath={.metadata.uid}"));
    ensure!(ours? != its?, "both names lead to one cluster");
    let path = inside(boxes, NAME, "tr '\\0' '\\n' </proc/$(pidof kube-apiserver)/environ | grep ^PATH=")?;
    ensure!(path.contains(&*assets.to_string_lossy()), "its API server is not that of KUBEBUILDER_ASSETS: {path}");

    let folder = process::target("cluster/boxes").join(NAME);
    let init = fs::read_to_string(folder.join("init")).context("it has an init")?;
    let init = init.split(' ').next().unwrap_or_default();
    let namespaces = ["net", "mnt", "pid"].map(|kind| namespace(init, kind));
    ensure!(namespaces.iter().all(Option::is_some), "it has namespaces");
    ensure!(!left(&folder, &namespaces).is_empty(), "what is left of a cluster is seen");
    chore("down", &assets)?;
    // The last process is gone a moment after the one whose end is all others'.
    let started = Instant::now();
    loop {
        let left = left(&folder, &namespaces);
        if left.is_empty() {
            break;
        }
        ensure!(started.elapsed() < Duration::from_secs(5), "it has left {}", left.join(", "));
    }
    let nodes = inside(boxes, first, "kubectl get nodes --output name")?;
    ensure!(nodes.starts_with("node/"), "the first cluster has gone on: {nodes}");
    Ok(())
}

/// A folder with the programs of Kubernetes, as an installation of envtest has them.
fn assets(boxes: &Boxes, cluster: &str) -> Result<PathBuf> {
    let kubectl = inside(boxes, cluster, "command -v kubectl")?;
    let programs = Path::new(&kubectl).parent().context("programs are in a folder")?;
    let folder = process::target("cluster/assets");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).context("cannot remove an earlier folder"),
        _ => {}
    }
    fs::create_dir_all(&folder)?;
    for program in programs.read_dir()? {
        let program = program?;
        symlink(program.path(), folder.join(program.file_name()))?;
    }
    Ok(folder)
}

/// `cargo xtask cluster VERB`, by this same program.
fn chore(verb: &str, assets: &Path) -> Result<()> {
    let this = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(this);
    command.args(["cluster", verb, NAME]).current_dir(workspace::root()).env("KUBEBUILDER_ASSETS", assets);
    ensure!(process::stream(&mut command, |_| ())?, "`cluster {verb}` fails; see above");
    Ok(())
}

/// What a line of shell says in a cluster.
fn inside(boxes: &Boxes, cluster: &str, line: &str) -> Result<String> {
    Ok(workspace::run(boxes.within(cluster).args(["sh", "-c", line]))?.trim().to_owned())
}

fn namespace(pid: &str, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

/// What there is of a cluster: its folder, its cgroups, processes in its namespaces, and mounts of its folder that somebody else sees.
fn left(folder: &Path, namespaces: &[Option<PathBuf>]) -> Vec<String> {
    let mut left = Vec::new();
    if fs::symlink_metadata(folder).is_ok() {
        left.push(folder.display().to_string());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    left.extend(mounts.lines().filter(|mount| mount.contains(&*folder.to_string_lossy())).map(str::to_owned));
    let cgroups = mounts.lines().filter_map(|mount| mount.contains(" - cgroup").then(|| mount.split(' ').nth(4)).flatten());
    for entry in cgroups.filter_map(|root| fs::read_dir(root).ok()).flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&format!("kecs-{NAME}-")) {
            left.push(entry.path().display().to_string());
        }
    }
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name().to_string_lossy().into_owned();
        if ["net", "mnt", "pid"].iter().zip(namespaces).any(|(kind, its)| its.is_some() && namespace(&pid, kind) == *its) {
            left.push(format!("process {pid}"));
        }
    }
    left
}
