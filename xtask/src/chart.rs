//! The Helm chart in `deploy/helm/kecs`, and the plain manifests that are made from it: for who has no Helm, with the chart's own values.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cluster::helm;
use crate::workspace;

/// The namespace of the manifests.
const NAMESPACE: &str = "kecs-system";

/// The folder of the chart.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("deploy/helm/kecs")
}

/// The plain manifests.
pub(crate) fn manifests() -> PathBuf {
    workspace::root().join("deploy/manifests/kecs.yaml")
}

/// Carries out `cargo xtask manifests`: writes them.
///
/// # Errors
/// When Helm cannot be built, the chart is wrong, or the file cannot be written.
pub(crate) fn write() -> Result<()> {
    let (path, text) = (manifests(), rendered(&helm::obtain()?)?);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).context("cannot create the folder of the manifests")?;
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Carries out `cargo xtask manifests --check`.
///
/// # Errors
/// When they are not what the chart says.
pub(crate) fn check() -> Result<()> {
    let path = manifests();
    let kept = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(kept == rendered(&helm::obtain()?)?, "{} is not what the chart says: run `cargo xtask manifests`", path.display());
    Ok(())
}

fn rendered(helm: &Path) -> Result<String> {
    let text = template(helm, &[])?;
    // Who applies them is not Helm, and would look for it in vain.
    let text = text.replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl");
    Ok(format!(
        "# Made from deploy/helm/kecs by `cargo xtask manifests`: change that instead.\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: {NAMESPACE}\n{text}"
    ))
}

/// What the chart is with these values (`NAME=VALUE`), as YAML.
///
/// # Errors
/// When it is wrong, with Helm's own words.
pub(crate) fn template(helm: &Path, values: &[&str]) -> Result<String> {
    let mut template = Command::new(helm);
    template.args(["template", "kecs"]).arg(folder()).args(["--namespace", NAMESPACE]);
    workspace::run(template.args(values.iter().flat_map(|value| ["--set", value])))
}
