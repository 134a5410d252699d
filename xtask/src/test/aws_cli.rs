//! Version 2 of the AWS CLI, from `xtask/tools/aws-cli-2`, in `target/`. (Version 1 is among the Python clients.)

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{output, process};
use crate::workspace;

const NAME: &str = "aws-cli-2";

/// The folder that the program is in; nothing where it cannot be had. `python` has pip.
pub(crate) fn folder(python: &Path) -> Result<Option<PathBuf>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        output::line("version 2 of the AWS CLI is tested on Linux on x86_64 only");
        return Ok(None);
    }
    let tools = workspace::root().join("xtask/tools").join(NAME);
    let requirements = tools.join("requirements.txt");
    let wanted = fs::read(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = process::target(NAME);
    // Written last: a folder without it is half made.
    let unpacked = folder.join("requirements.txt");
    if fs::read(&unpacked).is_ok_and(|found| found == wanted) {
        return Ok(Some(folder));
    }
    output::line(&format!("unpacking target/{NAME} (once)"));
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).context("cannot remove an earlier AWS CLI"),
        _ => {}
    }
    let package = folder.join("package");
    let mut download = Command::new(python);
    download.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    download.arg("--dest").arg(&package).arg("--requirement").arg(&requirements);
    if !process::stream(&mut download, |_| ())? {
        return Ok(None);
    }
    let wheel = package.read_dir()?.next().context("pip has brought nothing")??.path();
    if !process::stream(Command::new(python).arg(tools.join("unpack.py")).arg(wheel).arg(&folder), |_| ())? {
        return Ok(None);
    }
    fs::remove_dir_all(&package).context("cannot remove the package of the AWS CLI")?;
    fs::write(&unpacked, wanted).context("cannot write into the folder of the AWS CLI")?;
    Ok(Some(folder))
}
