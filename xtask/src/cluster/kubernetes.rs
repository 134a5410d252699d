//! The programs of Kubernetes and of CoreDNS: from `KUBEBUILDER_ASSETS`, else from the cache, else built from Go modules.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{build, cache, sources};
use crate::test::{output, process};
use crate::workspace;

/// The programs of Kubernetes with their packages, and the etcd that it is made for: Debian's is so old that the API server cannot serve
/// consistent lists from its cache.
const KUBERNETES: &[(&str, &str)] = &[
    ("etcd", "go.etcd.io/etcd/server/v3"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
];

/// CoreDNS with the plugins of `tools/coredns/main.go`.
const COREDNS: &[(&str, &str)] = &[("coredns", ".")];

/// The oldest version that KECS is tested with: pods here rely on what it has.
const OLDEST_MINOR: u32 = 34;

/// The folders where the programs are, or will be once they are built.
///
/// # Errors
/// When the tools folders do not say which version is to be built.
pub(crate) fn folders() -> Result<[PathBuf; 2]> {
    let kubernetes = match usable(given_folder().as_deref()) {
        Ok(Some(given)) => given,
        _ => kubernetes_folder()?,
    };
    Ok([kubernetes, coredns_folder()?])
}

/// Whether nothing has to be built.
pub(crate) fn is_there() -> bool {
    folders().is_ok_and(|[kubernetes, coredns]| has(&kubernetes, KUBERNETES) && has(&coredns, COREDNS))
}

/// Builds the programs that are not there.
///
/// # Errors
/// When one cannot be built.
pub(crate) fn build() -> Result<()> {
    if let Err(why) = usable(given_folder().as_deref()) {
        output::line(&format!("KUBEBUILDER_ASSETS is not used: {why:#}"));
    }
    let [kubernetes, coredns] = folders()?;
    if !has(&kubernetes, KUBERNETES) {
        let tools = sources().join("tools/kubernetes");
        build::programs(&tools, KUBERNETES, &link(&build::version(&tools, "k8s.io/kubernetes")?), &kubernetes)?;
    }
    build::programs(&sources().join("tools/coredns"), COREDNS, "-s -w", &coredns)
}

fn kubernetes_folder() -> Result<PathBuf> {
    Ok(cache().join("bin").join(build::version(&sources().join("tools/kubernetes"), "k8s.io/kubernetes")?))
}

fn coredns_folder() -> Result<PathBuf> {
    let version = build::version(&sources().join("tools/coredns"), "github.com/coredns/coredns")?;
    Ok(cache().join("bin").join(format!("coredns-{version}")))
}

/// What the linker is told: no debug information, and the version, which clients and nodes ask for.
fn link(version: &str) -> String {
    let minor = minor(version).unwrap_or_default();
    ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].iter().fold("-s -w".to_owned(), |flags, package| {
        format!("{flags} -X {package}.gitVersion={version} -X {package}.gitMajor=1 -X {package}.gitMinor={minor}")
    })
}

fn given_folder() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// The folder of `KUBEBUILDER_ASSETS` if it will do, nothing if there is none, and an error that tells why it will not.
fn usable(folder: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(folder) = folder else { return Ok(None) };
    let absent = KUBERNETES.iter().find(|(name, _)| !process::is_file(&folder.join(name)));
    if let Some((name, _)) = absent {
        anyhow::bail!("it has no {name}");
    }
    let said = workspace::run(Command::new(folder.join("kube-apiserver")).arg("--version"))?;
    let minor = minor(said.trim()).with_context(|| format!("its kube-apiserver says {said:?} of its version"))?;
    anyhow::ensure!(minor >= OLDEST_MINOR, "it has Kubernetes 1.{minor}, and 1.{OLDEST_MINOR} is the oldest that is tested");
    Ok(Some(folder.to_owned()))
}

fn has(folder: &Path, programs: &[(&str, &str)]) -> bool {
    programs.iter().all(|(name, _)| process::is_file(&folder.join(name)))
}

/// The minor version in `v1.36.3` or `Kubernetes v1.36.3`.
fn minor(version: &str) -> Option<u32> {
    version.rsplit_once("v1.")?.1.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read_from_what_programs_say() {
        assert_eq!(minor("v1.36.3"), Some(36));
        assert_eq!(minor("Kubernetes v1.34.0-rc.1"), Some(34));
        assert_eq!(minor("etcd 3.4.23"), None);
    }

    #[test]
    fn a_folder_without_every_program_is_not_used() {
        assert_eq!(usable(Some(Path::new("/nowhere"))).unwrap_err().to_string(), "it has no etcd");
        assert_eq!(usable(None).unwrap(), None);
    }
}
