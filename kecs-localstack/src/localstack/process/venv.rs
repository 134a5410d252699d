//! The Python environments that emulators run from: made once for each version, and made anew when they are damaged.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::group::ProcessGroup;
use super::python;
use crate::localstack::edition::Edition;
use crate::localstack::error::LocalStackError;
use crate::localstack::status::InstallProgress;

/// Written last: an environment without it is half made. Its content is the lock that was installed.
const INSTALLED: &str = "requirements.txt";

/// With less than that free on its disk, an installation that failed did so for want of space.
const SPACE: u64 = 32 * 1024 * 1024;

/// The environments of one folder. Only one is made at a time.
#[derive(Debug)]
pub(super) struct Environments {
    folder: PathBuf,
    python: Option<PathBuf>,
    /// What installers are given: all of the environment of `kecs`, where proxies and package indexes are set, but for what is KECS's, an
    /// account's or another Python's.
    variables: BTreeMap<OsString, OsString>,
    making: Mutex<()>,
}

impl Environments {
    pub(super) fn new(folder: PathBuf, python: Option<PathBuf>, environment: &BTreeMap<OsString, OsString>) -> Self {
        let is_private = |name: &str| ["KECS_", "AWS_", "LOCALSTACK_"].iter().any(|prefix| name.starts_with(prefix));
        let is_for_python = |name: &str| matches!(name, "PYTHONPATH" | "PYTHONHOME" | "VIRTUAL_ENV");
        let keep = |name: &OsString| name.to_str().is_none_or(|name| !is_private(name) && !is_for_python(name));
        let variables =
            environment.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { folder, python, variables, making: Mutex::default() }
    }

    /// The Python of an environment that has the edition; makes it if it is not there, or `suspicious` and found damaged.
    pub(super) async fn ensure(
        &self,
        edition: &Edition,
        suspicious: bool,
        progress: &(dyn Fn(InstallProgress) + Send + Sync),
    ) -> Result<PathBuf, LocalStackError> {
        let _alone = self.making.lock().await;
        let what = format!("{}-{}", edition.emulator.name().to_lowercase(), edition.version);
        let folder = self.folder.join(&what);
        let python = folder.join("bin/python");
        if self.is_usable(edition, &folder, &python, suspicious).await {
            return Ok(python);
        }
        let base = python::find(edition, self.python.as_deref(), &self.variables).await?;
        tracing::info!(folder = %folder.display(), "{} {} is being installed", edition.emulator.name(), edition.version);
        progress(InstallProgress { done: 0, total: packages(edition) });
        tokio::fs::create_dir_all(&self.folder).await.map_err(LocalStackError::folder(&self.folder))?;
        let made = self.make(edition, &folder, &base, &python, progress).await;
        if let Err(mut reason) = made {
            // Installers do not always say so themselves.
            let free = rustix::fs::statvfs(&self.folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
            if free.is_ok_and(|free| free < SPACE) {
                reason = format!("no space left in {}, where 1 GB is needed: {reason}", self.folder.display());
            }
            // Hundreds of megabytes that are of no use.
            let _ = tokio::fs::remove_dir_all(&folder).await;
            return Err(LocalStackError::Install { what: format!("{} {}", edition.emulator.name(), edition.version), reason });
        }
        Ok(python)
    }

    async fn is_usable(&self, edition: &Edition, folder: &Path, python: &Path, suspicious: bool) -> bool {
        let installed = folder.join(INSTALLED);
        let is_complete = tokio::fs::read(&installed).await.is_ok_and(|found| found == edition.requirements.as_bytes());
        // The Python that it was made with may be gone.
        let script = if suspicious { include_str!("verify.py") } else { "" };
        let mut check = self.command(python);
        check.arg("-I").arg("-c").arg(script).arg(&installed);
        is_complete && run(check, |_| ()).await.is_ok()
    }

    async fn make(
        &self,
        edition: &Edition,
        folder: &Path,
        base: &Path,
        python: &Path,
        progress: &(dyn Fn(InstallProgress) + Send + Sync),
    ) -> Result<(), String> {
        let mut venv = self.command(base);
        venv.args(["-m", "venv", "--clear"]).arg(folder);
        run(venv, |_| ()).await?;

        let lock = folder.join("lock.txt");
        tokio::fs::write(&lock, edition.requirements).await.map_err(|error| error.to_string())?;
        let mut pip = self.command(python);
        // Without compilation the first start takes a second more and the installation ten less.
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile", "--require-hashes"]);
        pip.arg("--requirement").arg(&lock);
        let total = packages(edition);
        let mut done = 0;
        run(pip, |line| {
            if line.starts_with("Collecting ") {
                done = (done + 1).min(total);
                progress(InstallProgress { done, total });
            }
        })
        .await?;
        tokio::fs::rename(lock, folder.join(INSTALLED)).await.map_err(|error| error.to_string())
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).stdin(Stdio::null());
        command
    }
}

/// How many packages the lock names.
fn packages(edition: &Edition) -> usize {
    edition.requirements.lines().filter(|line| line.contains("==") && !line.starts_with('#')).count()
}

/// Runs a program to its end and tells its lines. The error is what it complained of.
async fn run(mut command: Command, mut on_line: impl FnMut(&str)) -> Result<(), String> {
    let failed = |error: io::Error| error.to_string();
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let mut group = ProcessGroup::start(&mut command).map_err(failed)?;
    // The command holds the writing ends: without this the pipe would never end.
    drop(command);
    let mut lines = BufReader::new(pipe::Receiver::from_owned_fd(reader.into()).map_err(failed)?).split(b'\n');
    let (mut last, mut complaint) = (String::new(), None);
    while let Some(line) = lines.next_segment().await.map_err(failed)? {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        on_line(&line);
        if complaint.is_none() && line.to_lowercase().starts_with("error:") {
            complaint = Some(line.clone());
        }
        if !line.is_empty() {
            last = line;
        }
    }
    if group.wait().await.map_err(failed)?.success() { Ok(()) } else { Err(complaint.unwrap_or(last)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localstack::config::Emulator;
    use crate::localstack::edition::edition;

    #[tokio::test]
    async fn an_environment_without_its_python_or_half_made_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned(), None, &std::env::vars_os().collect());
        let edition = edition(Emulator::Moto, "5.2.5").unwrap();
        let python = folder.path().join("python");
        let is_usable = async || environments.is_usable(edition, folder.path(), &python, false).await;

        std::os::unix::fs::symlink("/bin/true", &python).unwrap();
        assert!(!is_usable().await, "it is half made");
        std::fs::write(folder.path().join(INSTALLED), "another lock").unwrap();
        assert!(!is_usable().await, "it is of another version");
        std::fs::write(folder.path().join(INSTALLED), edition.requirements).unwrap();
        assert!(is_usable().await);
        std::fs::remove_file(&python).unwrap();
        std::os::unix::fs::symlink("/nowhere/python3", &python).unwrap();
        assert!(!is_usable().await, "its Python is gone");
    }

    #[test]
    fn installers_get_proxies_and_nothing_that_is_an_accounts() {
        let given = ["HTTPS_PROXY", "PIP_INDEX_URL", "AWS_SECRET_ACCESS_KEY", "LOCALSTACK_AUTH_TOKEN", "PYTHONPATH"];
        let environment = given.iter().map(|name| (OsString::from(name), OsString::from("x"))).collect();
        let environments = Environments::new(PathBuf::new(), None, &environment);
        assert_eq!(environments.variables.into_keys().collect::<Vec<_>>(), ["HTTPS_PROXY", "PIP_INDEX_URL"]);
    }
}
