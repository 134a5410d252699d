//! Helm, for the chart: from the cache, else built from its Go module.

use std::path::PathBuf;

use anyhow::Result;

use super::{build, cache, sources};
use crate::test::process;

/// The program with its package.
const HELM: &[(&str, &str)] = &[("helm", "helm.sh/helm/v4/cmd/helm")];

/// Where it is, or will be once it is built.
pub(crate) fn path() -> Result<PathBuf> {
    let version = build::version(&sources().join("tools/helm"), "helm.sh/helm/v4")?;
    Ok(cache().join("bin").join(format!("helm-{version}")).join("helm"))
}

/// What this machine lacks to have it, with a way out; nothing when it can.
pub(crate) fn lacking() -> Option<String> {
    let is_there = path().is_ok_and(|path| process::is_file(&path));
    let has_go = || process::succeeds(std::process::Command::new("go").arg("version"));
    (!is_there && !has_go()).then(|| "Helm is built with Go; install Go 1.26".to_owned())
}

/// Builds it if it is not there, and tells where it is.
///
/// # Errors
/// When it cannot be built.
pub(crate) fn obtain() -> Result<PathBuf> {
    let path = path()?;
    if let Some(folder) = path.parent() {
        build::programs(&sources().join("tools/helm"), HELM, "-s -w", folder)?;
    }
    Ok(path)
}
