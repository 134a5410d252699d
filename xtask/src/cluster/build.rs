//! Programs from Go modules: a folder in `xtask/cluster/tools` with `go.mod` and `go.sum` says exactly what is built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::test::{output, process};
use crate::workspace;

/// The version of a module that the `go.mod` of a tools folder requires.
pub(crate) fn version(tools: &Path, module: &str) -> Result<String> {
    let path = tools.join("go.mod");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    required(&text, module).with_context(|| format!("{} does not require {module}", path.display()))
}

fn required(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let line = line.trim();
        let mut words = line.strip_prefix("require ").unwrap_or(line).split_whitespace();
        let version = words.next().filter(|word| *word == module).and_then(|_| words.next())?;
        version.starts_with('v').then(|| version.to_owned())
    })
}

/// Builds the programs that `folder` does not have yet; `packages` are their names with their import paths.
///
/// # Errors
/// When Go cannot build one of them.
pub(crate) fn programs(tools: &Path, packages: &[(&str, &str)], link: &str, folder: &Path) -> Result<()> {
    let missing: Vec<_> = packages.iter().filter(|(name, _)| !process::is_file(&folder.join(name))).collect();
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (nth, (name, package)) in missing.iter().enumerate() {
        output::line(&format!("building {name} ({} of {}; once)", nth + 1, missing.len()));
        let started = Instant::now();
        // Under another name until it is whole: an interrupted build leaves nothing that looks like a program.
        let partial = partial(folder, name);
        let mut go = Command::new("go");
        go.current_dir(tools)
            .args(["build", "-trimpath", "-ldflags", link, "-o"])
            .arg(&partial)
            .arg(package)
            // Static, so that they run in any file system; and exactly what go.sum says.
            .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly -buildvcs=false"), ("GOWORK", "off")]);
        workspace::run(&mut go).with_context(|| format!("cannot build {name}"))?;
        std::fs::rename(&partial, folder.join(name)).with_context(|| format!("cannot keep {name}"))?;
        output::line(&format!("built {name} in {:.0} s", started.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Of this process alone: two may build at once.
fn partial(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_required_version_is_found_in_a_line_and_in_a_block() {
        let go_mod = "module x\nrequire k8s.io/kubernetes v1.36.3\nrequire (\n\tk8s.io/api v0.0.0 // indirect\n\tother v1.2.3 // indirect\n)\nreplace other => other v1.2.4\n";
        assert_eq!(required(go_mod, "k8s.io/kubernetes").as_deref(), Some("v1.36.3"));
        assert_eq!(required(go_mod, "other").as_deref(), Some("v1.2.3"));
        assert_eq!(required(go_mod, "absent"), None);
    }
}
