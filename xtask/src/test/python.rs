//! Python environments in `target/`, each from a lock; made anew when the lock changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{output, process};

/// The Python of an environment with the packages of `requirements`, or nothing when it cannot be made. `base` makes it the first time.
pub(crate) fn environment(name: &str, requirements: &Path, base: Option<&Path>) -> Result<Option<PathBuf>> {
    let wanted = std::fs::read(requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let directory = process::target(name);
    let python = directory.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: an environment without it is half made.
    let installed = directory.join("requirements.txt");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(Some(python));
    }
    let Some(base) = base else { return Ok(None) };
    output::line(&format!("installing target/{name} (once)"));
    let made = process::stream(Command::new(base).args(["-m", "venv", "--clear"]).arg(&directory), |_| ())?
        && process::stream(&mut pip_install(&python, requirements), |_| ())?;
    if !made {
        return Ok(None);
    }
    std::fs::write(&installed, wanted).context("cannot write into the Python environment")?;
    Ok(Some(python))
}

fn pip_install(python: &Path, requirements: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"])
        .arg(requirements);
    command
}

/// A Python 3 of one of these minor versions that can make environments, the newest first, then any of a version manager's.
pub(crate) fn base(oldest: u8, newest: u8) -> Option<PathBuf> {
    let probe = format!("import sys, venv, ensurepip; sys.exit(not (3, {oldest}) <= sys.version_info[:2] <= (3, {newest}))");
    // By running it: a name on the PATH may stand for a version that is not installed.
    let fits = |python: &PathBuf| process::succeeds(Command::new(python).args(["-c", &probe]));
    let named = (oldest..=newest).rev().map(|minor| format!("python3.{minor}")).chain(["python3".into(), "python".into()]);
    named.map(PathBuf::from).chain(installed_by_pyenv()).find(fits)
}

/// What pyenv has, whether chosen or not; the newest last in name comes first.
fn installed_by_pyenv() -> Vec<PathBuf> {
    let Some(root) = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".pyenv")))
    else {
        return Vec::new();
    };
    let entries = root.join("versions").read_dir().into_iter().flatten().flatten();
    let mut pythons: Vec<PathBuf> = entries.map(|entry| entry.path().join("bin/python")).collect();
    pythons.sort();
    pythons.reverse();
    pythons
}
