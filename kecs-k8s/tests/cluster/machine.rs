//! The programs that make up the cluster, which are on the machine of this run.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program of the cluster, and how it was started.
pub(crate) struct Program {
    name: &'static str,
    words: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
}

/// Words of /proc, each of which ends with a zero.
fn words(path: &str) -> Vec<String> {
    let text = fs::read_to_string(path).expect("the process is ours to read");
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// The process of a program, while there is one.
pub(crate) fn id(name: &str) -> Option<String> {
    let processes = fs::read_dir("/proc").expect("there are processes").flatten();
    let mut ids = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_it = |id: &String| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim() == name);
    ids.find(is_it)
}

fn succeeds(command: &mut Command) {
    let status = command.status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}");
}

impl Program {
    pub(crate) fn of(name: &'static str) -> Self {
        let id = id(name).expect("the run is where the cluster's programs are");
        let environment = words(&format!("/proc/{id}/environ"));
        let environment =
            environment.iter().filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let log = fs::read_link(format!("/proc/{id}/fd/1")).expect("it writes somewhere");
        Self { name, words: words(&format!("/proc/{id}/cmdline")), environment: environment.collect(), log }
    }

    /// What follows `--NAME=` where it was started.
    pub(crate) fn setting(&self, name: &str) -> &Path {
        let start = format!("--{name}=");
        Path::new(self.words.iter().find_map(|word| word.strip_prefix(&start)).expect("it was started with that"))
    }

    /// Ends it without a warning, unless it has ended.
    pub(crate) fn end(&self) {
        let Some(id) = id(self.name) else { return };
        succeeds(Command::new("kill").args(["-KILL", &id]));
        succeeds(Command::new("tail").args(["--pid", &id, "-f", "/dev/null"]));
    }

    /// Starts it as it was, but for these settings.
    pub(crate) fn start(&self, settings: &[(&str, &Path)]) {
        let changed = |word: &String| {
            let setting = settings.iter().find(|(name, _)| word.starts_with(&format!("--{name}=")));
            setting.map_or_else(|| word.clone(), |(name, value)| format!("--{name}={}", value.display()))
        };
        let log = || Stdio::from(OpenOptions::new().append(true).open(&self.log).expect("the log is there"));
        // A child of the cluster's init, as it was.
        let mut start = Command::new("setsid");
        start.arg("--fork").args(self.words.iter().map(changed)).env_clear().envs(self.environment.iter().cloned());
        succeeds(start.stdin(Stdio::null()).stdout(log()).stderr(log()));
    }
}
