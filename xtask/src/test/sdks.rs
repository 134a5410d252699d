//! Programs with AWS's SDKs for other languages, which tests run in tasks: those of `e2e/programs`, in `target/`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{output, process};
use crate::cluster::build;
use crate::workspace;

/// The program with the SDK for Go; nothing where it cannot be built.
pub(crate) fn go() -> Result<Option<PathBuf>> {
    const NAME: &str = "sdk-for-go";
    let sources = sources("go");
    let folder = process::target(&format!("{NAME}-{}", build::version(&sources, "github.com/aws/aws-sdk-go-v2")?));
    if !process::is_file(&folder.join(NAME)) {
        if !process::succeeds(Command::new("go").arg("version")) {
            output::line("no Go, with which a program with AWS's SDK is built: install Go 1.26");
            return Ok(None);
        }
        if let Err(error) = build::programs(&sources, &[(NAME, ".")], "-s -w", &folder) {
            output::line(&format!("the program with the SDK for Go is not there: {error:#}"));
            return Ok(None);
        }
    }
    Ok(Some(folder.join(NAME)))
}

/// The program with the SDK for JavaScript, which is beside it; nothing where it cannot be installed.
pub(crate) fn javascript() -> Result<Option<PathBuf>> {
    const NAME: &str = "sdk-for-javascript";
    let (sources, folder) = (sources("javascript"), process::target(NAME));
    if !["node", "npm"].iter().all(|program| process::succeeds(Command::new(program).arg("--version"))) {
        output::line("no Node.js, with which a program with AWS's SDK runs: install Node.js 20 and npm");
        return Ok(None);
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in ["main.js", "package.json", "package-lock.json"] {
        fs::copy(sources.join(file), folder.join(file)).with_context(|| format!("cannot copy {file} of {NAME}"))?;
    }
    let wanted = fs::read(folder.join("package-lock.json")).context("cannot read a lock")?;
    // Written last: a folder without it is half made.
    let installed = folder.join("installed.json");
    if !fs::read(&installed).is_ok_and(|found| found == wanted) {
        output::line(&format!("installing target/{NAME} (once)"));
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]).current_dir(&folder);
        if !process::stream(&mut npm, |_| ())? {
            return Ok(None);
        }
        fs::write(&installed, wanted).with_context(|| format!("cannot write into {}", folder.display()))?;
    }
    Ok(Some(folder.join("main.js")))
}

fn sources(language: &str) -> PathBuf {
    workspace::root().join("e2e/programs").join(language)
}
