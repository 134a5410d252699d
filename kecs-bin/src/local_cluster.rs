//! A Kubernetes cluster on this machine, made by kind or k3d for `kecs start --create-cluster`, and removed by `kecs kubernetes delete`.
//!
//! The tools are programs of their own and say themselves what they do; here is what is to be done. What was made is noted in the data folder, before it is
//! made: only that is used again, and only that is ever removed.

mod tool;

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::data_dir::{DataDir, Holder};
use crate::failure::{Exit, Failure};
use crate::settings::ClusterTool;
use crate::{bug, terminal};
use tool::{Cluster, Line};

/// The note, and how the cluster is reached, in the data folder.
const NOTE: &str = "kubernetes-cluster.json";
const KUBECONFIG: &str = "kubeconfig";

/// What to do about a cluster that does not do as it should.
const LOOK: &str = "look at it, or remove it with `kecs kubernetes delete`";

/// Between two questions whether a cluster is ready.
const PAUSE: Duration = Duration::from_millis(500);

/// What is wanted of a cluster.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) tool: ClusterTool,
    pub(crate) name: &'a str,
    /// The image of the sidecar.
    pub(crate) sidecar: &'a str,
    /// By what pods come to have one.
    pub(crate) reached: Reached,
}

/// Whether and where pods reach this endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// They do not: it listens for this machine alone.
    Not,
    /// Where the settings say.
    AsSet,
    /// At an address of this machine, to be found.
    Here,
}

/// A cluster that is there and runs.
#[derive(Debug)]
pub(crate) struct Made {
    /// How it is reached.
    pub(crate) kubeconfig: PathBuf,
    /// By what name or address its pods reach this machine, if that was to be found and is known.
    pub(crate) host: Option<String>,
}

/// Makes the cluster of this data folder be there and run. Its nodes get the sidecar's image, if pods will have one and Docker has it. Blocks until the tools have
/// ended, which a Ctrl-C ends as well.
///
/// # Errors
/// When the tool or Docker is not there or fails, or the name is somebody else's.
pub(crate) fn ensure(wanted: &Wanted<'_>, data_dir: &Path) -> Result<Made, Failure> {
    let Wanted { tool, name, sidecar, reached } = *wanted;
    let wanted = Cluster { tool, name: name.to_owned() };
    let kubeconfig = data_dir.join(KUBECONFIG);
    let known = noted(data_dir)?;
    if let Some(other) = known.as_ref().filter(|known| **known != wanted) {
        let what = format!("this data folder has the {} cluster {} already", other.tool, other.name);
        let Cluster { tool, name } = other;
        let to_do = format!("use it with --create-cluster {tool} --kube-prefix {name}, or remove it with `kecs kubernetes delete`");
        return Err(Failure::new(Exit::Usage, what, to_do));
    }
    docker_answers("install and start Docker, or use a cluster that is there with --kubeconfig")?;
    let to_do = format!("install it from {}, or choose the other of kind and k3d", wanted.home());
    match (is_there(&wanted, &to_do)?, known.is_some()) {
        (true, false) => {
            let what = format!("there is a {tool} cluster {name}, which was not made for this data folder");
            return Err(Failure::new(
                Exit::Usage,
                what,
                "choose another name with --kube-prefix, or use that one with --kubeconfig",
            ));
        }
        (true, true) => {
            terminal::remark(&format!("using the {tool} cluster {name} of this data folder"));
            told(&wanted.start(), "the cluster cannot be started", LOOK)?;
            if let Some(ready) = wanted.ready() {
                awaited(&ready)?;
            }
        }
        (false, _) => {
            note(data_dir, &wanted)?;
            watched(&wanted.create(&kubeconfig.to_string_lossy()), "the cluster was not made")?;
        }
    }
    // Anew each time: its port may be another one.
    let text = told(&wanted.kubeconfig(), "nobody says how the cluster is reached", LOOK)?;
    write(&kubeconfig, text.as_bytes())?;
    let host = if reached == Reached::Here { host(&wanted) } else { None };
    if reached == Reached::AsSet || host.is_some() {
        load(&wanted, sidecar)?;
    }
    terminal::remark(&format!("to look at it yourself: export KUBECONFIG={}", kubeconfig.display()));
    Ok(Made { kubeconfig, host })
}

/// By what name or address its pods reach this machine.
fn host(cluster: &Cluster) -> Option<String> {
    if cluster.tool == ClusterTool::K3d {
        return Some(tool::K3D_HOST.to_owned());
    }
    let asked = told(&tool::docker_of(), "", "").and_then(|docker| {
        if docker.trim() == tool::DESKTOP {
            return Ok(Some(tool::DESKTOP_HOST.to_owned()));
        }
        let gateways = told(&tool::gateways(), "", "")?;
        // The network has a gateway of each family, and the endpoint an address of one.
        Ok(gateways.split_whitespace().find(|gateway| gateway.parse::<Ipv4Addr>().is_ok()).map(str::to_owned))
    });
    let host = asked.unwrap_or_default();
    if host.is_none() {
        terminal::remark(
            "Docker does not say where its containers reach this machine: to give pods a sidecar, say it with --task-endpoint",
        );
    }
    host
}

/// `kecs kubernetes delete`: removes the cluster that was made for a data folder, with all that is in it.
///
/// # Errors
/// When there is none, a kecs uses it, or the tool fails.
pub(crate) fn delete(data_dir: &Path) -> Result<ExitCode, Failure> {
    let none = || {
        let what = format!("no Kubernetes cluster was made for the data folder {}", data_dir.display());
        Failure::new(Exit::Unavailable, what, "name another with --data-dir")
    };
    // Before the folder is taken, which would make it where it is not.
    noted(data_dir)?.ok_or_else(none)?;
    // Nobody makes or uses it meanwhile.
    let held = DataDir::take(data_dir, &Holder { pid: std::process::id(), ..Holder::default() })?;
    let cluster = noted(held.path())?.ok_or_else(none)?;
    let kubeconfig = held.path().join(KUBECONFIG);
    // Without Docker, k3d finds no cluster, and says that there is nothing to remove.
    docker_answers("start Docker")?;
    watched(&cluster.delete(&kubeconfig.to_string_lossy()), "the cluster was not removed")?;
    if is_there(&cluster, LOOK)? {
        let what = format!("the {} cluster {} is still there", cluster.tool, cluster.name);
        return Err(Failure::new(Exit::Unavailable, what, "see above for what its tool said, and try again"));
    }
    for file in [kubeconfig, held.path().join(NOTE)] {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(&file, &error)),
            _ => {}
        }
    }
    terminal::say(&format!("the {} cluster {} is removed", cluster.tool, cluster.name));
    Ok(ExitCode::SUCCESS)
}

fn docker_answers(to_do: &str) -> Result<(), Failure> {
    told(&tool::docker(), "kind and k3d need Docker", to_do).map(drop)
}

/// Whether the tool knows a cluster of this name. `to_do` is for where it cannot be asked.
fn is_there(cluster: &Cluster, to_do: &str) -> Result<bool, Failure> {
    let names = told(&cluster.list(), &format!("{} is needed", cluster.tool), to_do)?;
    Ok(names.lines().any(|line| line.split_whitespace().next() == Some(&cluster.name)))
}

/// Pods have the sidecar's image from nowhere else, as long as no registry has it.
fn load(cluster: &Cluster, image: &str) -> Result<(), Failure> {
    let has_it = Command::new("docker").args(&tool::has_image(image).arguments).stdin(Stdio::null()).output();
    if has_it.is_ok_and(|output| output.status.success()) {
        return watched(&cluster.load(image), "the sidecar's image was not loaded");
    }
    terminal::remark(&format!("Docker has no image {image}: the cluster's nodes pull the sidecar from a registry"));
    Ok(())
}

/// Runs a program to its end and returns what it wrote.
fn told(line: &Line, what: &str, to_do: &str) -> Result<String, Failure> {
    let output = Command::new(line.program).args(&line.arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let said = if said.is_empty() { output.status.to_string() } else { said };
            Err(Failure::new(Exit::Unavailable, format_args!("{what}, but `{line}` says: {said}"), to_do))
        }
        Err(error) => Err(unstartable(line, &error, what, to_do)),
    }
}

/// Runs a program until it succeeds.
#[expect(clippy::disallowed_methods, reason = "no event tells when a cluster that was started again is ready")]
fn awaited(line: &Line) -> Result<(), Failure> {
    let started = Instant::now();
    let mut remarked = false;
    loop {
        match told(line, "the cluster was started and is not ready", LOOK) {
            Ok(_) => return Ok(()),
            Err(failure) if started.elapsed() >= tool::PATIENCE => return Err(failure),
            Err(_) if remarked => {}
            Err(_) => {
                terminal::remark(&format!("waiting until its API is ready, {} s at most", tool::PATIENCE.as_secs()));
                remarked = true;
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Runs a program, whose progress its user sees, to its end.
fn watched(line: &Line, what: &str) -> Result<(), Failure> {
    terminal::remark(&format!("running `{line}`"));
    // Standard output is for what KECS itself says.
    let output = Stdio::from(std::io::stderr());
    let status = Command::new(line.program).args(&line.arguments).stdin(Stdio::null()).stdout(output).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let what = format!("{what}: `{line}` ended with {status}");
            Err(Failure::new(
                Exit::Unavailable,
                what,
                "see above for its own words; `kecs kubernetes delete` removes what may be left",
            ))
        }
        Err(error) => Err(unstartable(line, &error, what, "look at the program")),
    }
}

fn unstartable(line: &Line, error: &std::io::Error, what: &str, to_do: &str) -> Failure {
    let Line { program, .. } = line;
    let why = match error.kind() {
        ErrorKind::NotFound => format!("there is no program {program} on the PATH"),
        _ => format!("the program {program} cannot be started ({error})"),
    };
    Failure::new(Exit::Unavailable, format_args!("{what}, but {why}"), to_do)
}

fn noted(data_dir: &Path) -> Result<Option<Cluster>, Failure> {
    let file = data_dir.join(NOTE);
    match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| {
            let what = format!("cannot read {}, where the Kubernetes cluster is noted ({error})", file.display());
            Failure::new(Exit::Data, what, "remove it, and the cluster by its own tool")
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::line(Exit::Data, format_args!("cannot read {} ({error})", file.display()))),
    }
}

fn note(data_dir: &Path, cluster: &Cluster) -> Result<(), Failure> {
    write(&data_dir.join(NOTE), &serde_json::to_vec(cluster).map_err(bug)?)
}

/// For this user only: a kubeconfig has keys in it.
fn write(file: &Path, text: &[u8]) -> Result<(), Failure> {
    use std::io::Write;

    let written = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    written.and_then(|mut written| written.write_all(text)).map_err(|error| unwritable(file, &error))
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    let what = format!("cannot change {} ({error})", file.display());
    Failure::new(Exit::CannotCreate, what, "make it writable for this user, or choose another folder with --data-dir")
}
