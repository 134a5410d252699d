//! Which Python runs an emulator.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::group::ProcessGroup;
use crate::localstack::edition::{EDITIONS, Edition};
use crate::localstack::error::LocalStackError;

/// Says its version, if it is whole enough to make an environment.
const PROBE: &str = "import sys, venv, ensurepip; print(*sys.version_info[:3], sep='.')";

/// The first Python that the edition runs on: `chosen`, or what the `PATH` has. A name on the `PATH` proves nothing, so each is run: a version
/// manager has names for versions that are not installed.
pub(super) async fn find(
    edition: &Edition,
    chosen: Option<&Path>,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<PathBuf, LocalStackError> {
    let (oldest, newest) = edition.python;
    let candidates = if let Some(path) = chosen {
        vec![path.to_owned()]
    } else {
        let named = (oldest..=newest).rev().map(|minor| format!("python3.{minor}")).chain(["python3".into(), "python".into()]);
        named.map(PathBuf::from).chain(pyenv(oldest..=newest, environment)).collect()
    };
    let mut found = Vec::new();
    for candidate in candidates {
        let Some(version) = version(&candidate, environment).await else { continue };
        if minor(&version).is_some_and(|minor| (oldest..=newest).contains(&minor)) {
            return Ok(candidate);
        }
        let words = format!("{} {version}", candidate.display());
        if !found.contains(&words) {
            found.push(words);
        }
    }
    Err(missing(edition, chosen, &found))
}

/// What pyenv has installed of these minor versions, newest first: on the `PATH` it has only those that the user chose.
fn pyenv(minors: RangeInclusive<u8>, environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let variable = |name: &str| environment.get(OsStr::new(name)).map(PathBuf::from);
    let Some(root) = variable("PYENV_ROOT").or_else(|| Some(variable("HOME")?.join(".pyenv"))) else { return Vec::new() };
    let entries = std::fs::read_dir(root.join("versions")).into_iter().flatten().flatten();
    let versions = entries.filter_map(|entry| Some((minor(entry.file_name().to_str()?)?, entry.path().join("bin/python"))));
    let mut versions: Vec<_> = versions.filter(|(minor, _)| minors.contains(minor)).collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, python)| python).collect()
}

/// The version of a Python that can make environments; `None` for everything else.
async fn version(python: &Path, environment: &BTreeMap<OsString, OsString>) -> Option<String> {
    let mut command = Command::new(python);
    command.args(["-c", PROBE]).env_clear().envs(environment).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut group = ProcessGroup::start(&mut command).ok()?;
    let mut output = group.child().stdout.take()?;
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut output, &mut text).await.ok()?;
    group.wait().await.is_ok_and(|status| status.success()).then(|| text.trim().to_owned())
}

/// The minor version of a Python 3.
fn minor(version: &str) -> Option<u8> {
    let mut parts = version.split('.');
    (parts.next()? == "3").then(|| parts.next()?.parse().ok())?
}

fn missing(edition: &Edition, chosen: Option<&Path>, found: &[String]) -> LocalStackError {
    let (oldest, newest) = edition.python;
    let wanted = if oldest == newest { format!("3.{oldest}") } else { format!("3.{oldest} to 3.{newest}") };
    // Another version of the emulator that runs on what there is.
    let minors: Vec<u8> = found.iter().filter_map(|words| minor(words.rsplit(' ').next()?)).collect();
    let other = EDITIONS.iter().find(|other| {
        let (oldest, newest) = other.python;
        other.emulator == edition.emulator && minors.iter().any(|minor| (oldest..=newest).contains(minor))
    });
    let install = match chosen {
        Some(path) => format!("choose another than {}", path.display()),
        None => format!(
            "install python3.{newest} (and python3.{newest}-venv, where that is a package of its own), or name one with --localstack-base-python"
        ),
    };
    let advice = match other {
        Some(other) => format!("{install}, or set version: {}, which runs on what there is", other.version),
        None => install,
    };
    let found = match (found, chosen) {
        ([], Some(_)) => "none that runs".to_owned(),
        ([], None) => "none on the PATH".to_owned(),
        (found, _) => found.join(" and "),
    };
    LocalStackError::NoPython { emulator: edition.emulator.name(), version: edition.version, wanted, found, advice }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::localstack::config::Emulator;
    use crate::localstack::edition::edition;

    /// A folder of programs that say their version, or fail as a version manager's do for a version that is not there.
    fn path_with(programs: &[(&str, &str)]) -> (tempfile::TempDir, BTreeMap<OsString, OsString>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in programs {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = [(OsString::from("PATH"), folder.path().as_os_str().to_owned())];
        (folder, path.into())
    }

    const NOT_INSTALLED: &str = "echo 'pyenv: python3.13: command not found' >&2; exit 127";

    #[tokio::test]
    async fn a_name_that_does_not_run_is_passed_over() {
        let (folder, path) = path_with(&[("python3.13", NOT_INSTALLED), ("python3", "echo 3.13.1")]);
        let edition = edition(Emulator::LocalStack, "4.14.0").unwrap();
        // With absolute names, since the PATH of this test is not the programs'.
        assert!(find(edition, Some(&folder.path().join("python3.13")), &path).await.is_err());
        assert!(find(edition, Some(&folder.path().join("python3")), &path).await.is_ok());
        assert_eq!(find(edition, None, &path).await.unwrap(), PathBuf::from("python3"));
    }

    #[tokio::test]
    async fn a_python_that_does_not_fit_is_named_with_the_way_out() {
        let (_folder, path) = path_with(&[("python3", "echo 3.11.7")]);
        let refusal = find(edition(Emulator::LocalStack, "4.14.0").unwrap(), None, &path).await.unwrap_err().to_string();
        assert!(
            refusal.starts_with("LocalStack 4.14.0 needs Python 3.13 with its venv module, and there is python3 3.11.7: "),
            "{refusal}"
        );
        assert!(refusal.contains("install python3.13") && refusal.contains("version: 4.13.1"), "{refusal}");
    }

    #[tokio::test]
    async fn a_version_of_pyenv_that_is_not_chosen_is_found() {
        let (folder, mut variables) = path_with(&[("python3.13", NOT_INSTALLED)]);
        let bin = folder.path().join("versions/3.13.0/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(bin.join("python"), "#!/bin/sh\necho 3.13.0\n").unwrap();
        fs::set_permissions(bin.join("python"), fs::Permissions::from_mode(0o755)).unwrap();
        variables.insert("PYENV_ROOT".into(), folder.path().into());
        let found = find(edition(Emulator::LocalStack, "4.14.0").unwrap(), None, &variables).await.unwrap();
        assert_eq!(found, bin.join("python"));
    }

    #[tokio::test]
    async fn no_python_at_all_is_said() {
        let (_folder, path) = path_with(&[]);
        let refusal = find(edition(Emulator::Moto, "5.2.5").unwrap(), None, &path).await.unwrap_err().to_string();
        assert!(
            refusal.starts_with("moto 5.2.5 needs Python 3.11 to 3.13 with its venv module, and there is none on the PATH"),
            "{refusal}"
        );
        // How a setting of kecs is called is for kecs to say: its test without a Python compares.
        assert!(refusal.ends_with(", or name one with --localstack-base-python"), "{refusal}");
    }
}
