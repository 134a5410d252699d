//! Packages are installed once, found damaged and installed again, and a disk that takes none is named. moto stands for all: it is the smallest.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kecs_localstack::{Emulator, LocalStack, LocalStackState, ProcessConfig, ProcessDeployer};

use crate::support::{config, python, skipped};

/// An installation takes longer than a start.
const PATIENCE: Duration = Duration::from_mins(15);

/// An emulator whose packages are installed below `data`, with the Python that moto's environment of the tests was made with.
fn installed(data: &Path, base: &Path) -> LocalStack {
    let mut process = ProcessConfig::new(data);
    process.python = Some(base.to_owned());
    let mut config = config(Emulator::Moto, &[]);
    config.timing.first_pause = Duration::from_millis(10);
    LocalStack::new("test", config, Arc::new(ProcessDeployer::new(process))).unwrap()
}

#[tokio::test]
async fn packages_are_installed_with_progress_once_and_again_when_they_are_damaged() {
    let Some(base) = python("packages_are_installed_with_progress_once_and_again_when_they_are_damaged", Emulator::Moto) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let moto = installed(data.path(), &base);
    let mut watch = moto.watch();
    let steps = tokio::spawn(async move {
        let mut steps = Vec::new();
        while watch.changed().await.is_ok() {
            steps.extend(watch.borrow_and_update().progress);
        }
        steps
    });
    moto.start();
    moto.ready(PATIENCE).await.unwrap();

    let environment = data.path().join("localstack/python/moto-5.2.5");
    let installed_at = |file: &str| std::fs::metadata(environment.join(file)).unwrap().modified().unwrap();
    let first = installed_at("requirements.txt");
    moto.restart().await.unwrap();
    moto.ready(PATIENCE).await.unwrap();
    assert_eq!(installed_at("requirements.txt"), first, "what is there is not installed again");

    // A file is gone: the start fails, its environment is looked at, and made anew.
    moto.stop().await;
    let server = walk(&environment, "moto/server.py");
    std::fs::remove_file(&server).unwrap();
    moto.start();
    moto.ready(PATIENCE).await.unwrap();
    assert!(server.try_exists().unwrap());
    assert_ne!(installed_at("requirements.txt"), first);
    assert_eq!(moto.status().restarts, 1);

    drop(moto);
    let steps = steps.await.unwrap();
    let total = steps[0].total;
    assert!(steps.iter().all(|step| step.total == total && step.done <= total) && total > 10, "{steps:?}");
    assert!(steps.iter().any(|step| step.done > total / 2), "{steps:?}");
}

fn walk(environment: &Path, file: &str) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(environment.join("lib")).unwrap();
    entries.next().unwrap().unwrap().path().join("site-packages").join(file)
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_fails_with_its_name() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("localstack")).unwrap();
    std::fs::write(data.path().join("localstack/python"), "in the way").unwrap();
    let moto = installed(data.path(), Path::new("python3"));
    moto.start();
    let error = moto.ready(PATIENCE).await.unwrap_err();
    assert_eq!(error.state, LocalStackState::Failed);
    let text = format!("moto is failed: cannot use {}", data.path().join("localstack/python").display());
    assert!(error.to_string().starts_with(&text), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_left_on_it() {
    let data = tempfile::tempdir().unwrap();
    // Only root may mount.
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(data.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        skipped("a_full_disk_is_said_and_nothing_is_left_on_it", "only root can mount a small disk");
        return;
    }
    let moto = installed(data.path(), Path::new("python3"));
    moto.start();
    let error = moto.ready(PATIENCE).await.unwrap_err().to_string();
    let left = data.path().join("localstack/python/moto-5.2.5").try_exists().unwrap();
    drop(moto);
    assert!(std::process::Command::new("umount").arg("--lazy").arg(data.path()).status().unwrap().success());
    assert!(error.starts_with("moto is failed: cannot install moto 5.2.5: no space left in "), "{error}");
    assert!(!left, "{error}");
}
