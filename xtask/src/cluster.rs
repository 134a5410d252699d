//! `cargo xtask cluster`: a Kubernetes of one node, for tests and for development, as real as it gets without a machine of its own.
//!
//! Each cluster is a network, a process tree and a view of the file system of its own, so that several run side by side and taking one down
//! leaves nothing. How a cluster is put together is told by the scripts in `xtask/cluster`; here is where its parts come from.

mod boxes;
pub(crate) mod build;
mod debian;
pub(crate) mod helm;
mod kubernetes;
mod machine;

use std::path::PathBuf;

use anyhow::{Result, bail};

pub(crate) use boxes::Boxes;
pub(crate) use machine::lacking;

use crate::test::{output, process};
use crate::workspace;

/// The cluster that is meant when none is named.
const DEFAULT_NAME: &str = "dev";

/// What a developer asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request<'a> {
    Up(&'a str),
    Run(&'a str, &'a [&'a str]),
    Down(&'a str),
    List,
}

/// Carries out `cargo xtask cluster WORDS`.
///
/// # Errors
/// When the words are not understood, this machine cannot run clusters, or the cluster or the command in it fails.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let request = parse(words)?;
    if let Some(why) = lacking() {
        bail!("there can be no cluster here: {why}");
    }
    let boxes = Boxes::locate()?;
    match request {
        Request::Up(name) => {
            boxes.prepare()?;
            boxes.up(name)?;
            output::line(&format!("try: cargo xtask cluster run {name} -- kubectl get pods --all-namespaces"));
            Ok(())
        }
        // As if the command had been run without a cluster.
        Request::Run(name, command) => std::process::exit(boxes.run(name, command)?.code().unwrap_or(1)),
        Request::Down(name) => boxes.down(name),
        Request::List => boxes.list(),
    }
}

fn parse<'a>(words: &'a [&'a str]) -> Result<Request<'a>> {
    let request = match words {
        ["up"] => Request::Up(DEFAULT_NAME),
        ["up", name] => Request::Up(name),
        ["run", "--", command @ ..] => Request::Run(DEFAULT_NAME, command),
        ["run", name, "--", command @ ..] => Request::Run(name, command),
        ["down"] => Request::Down(DEFAULT_NAME),
        ["down", name] => Request::Down(name),
        ["list"] => Request::List,
        _ => bail!("say `cluster up [NAME]`, `cluster run [NAME] -- COMMAND...`, `cluster down [NAME]` or `cluster list`"),
    };
    match request {
        Request::Run(_, []) => bail!("what is to run? Say `cluster run [NAME] -- COMMAND...`"),
        Request::Up(name) | Request::Run(name, _) | Request::Down(name) if !is_name(name) => {
            bail!("{name:?} is no name for a cluster: use up to 20 of a-z, 0-9 and -")
        }
        request => Ok(request),
    }
}

/// Names become names of folders and of cgroups.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=20).contains(&name.len()) && !name.starts_with('-') && name.bytes().all(allowed)
}

/// Where what is obtained once is kept: below `target/`, or where `KECS_CLUSTER_CACHE` says, for checkouts that share it.
fn cache() -> PathBuf {
    let shared = std::env::var_os("KECS_CLUSTER_CACHE").filter(|folder| !folder.is_empty());
    shared.map_or_else(|| process::target("cluster"), PathBuf::from)
}

/// The scripts and the Go modules of the cluster.
fn sources() -> PathBuf {
    workspace::root().join("xtask/cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_a_name_is_dev() {
        assert_eq!(parse(&["up"]).unwrap(), Request::Up("dev"));
        assert_eq!(
            parse(&["run", "--", "kubectl", "get", "--", "pods"]).unwrap(),
            Request::Run("dev", &["kubectl", "get", "--", "pods"])
        );
        assert_eq!(parse(&["down", "other"]).unwrap(), Request::Down("other"));
    }

    #[test]
    fn a_name_that_is_no_file_name_is_refused() {
        for name in ["", "../x", "Dev", "-x", "a name", "123456789012345678901"] {
            assert!(parse(&["down", name]).unwrap_err().to_string().contains("no name for a cluster"), "{name}");
        }
    }

    #[test]
    fn running_nothing_is_refused() {
        assert!(parse(&["run", "dev", "--"]).unwrap_err().to_string().starts_with("what is to run?"));
    }
}
