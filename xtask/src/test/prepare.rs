//! What steps install is obtained ahead of them, by a process of its own that takes only what the steps before leave of the processors: some of them mostly
//! wait, and on a new machine this is a third of all the work.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Result;

use super::options::Options;
use super::{clients, deny, localstack, output, receiver};
use crate::cluster::{Boxes, helm};

/// What to obtain for a step.
struct Part {
    step: &'static str,
    obtain: fn(&Options) -> Result<()>,
}

/// In the order in which the steps run.
const PARTS: &[Part] = &[
    Part { step: "deny", obtain: |options| deny::install(options).map(drop) },
    Part { step: "localstack", obtain: |_| localstack::environments().map(drop) },
    Part { step: "clients", obtain: |_| clients::tools().map(drop) },
    Part { step: "chart", obtain: |_| helm::obtain().map(drop) },
    Part { step: "cluster", obtain: for_the_cluster },
];

/// What `--prepare` says when a part is done with.
const DONE: &str = "prepared: ";

/// The steps whose parts are not done with yet.
static AWAITED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
static CHANGED: Condvar = Condvar::new();

fn for_the_cluster(_: &Options) -> Result<()> {
    Boxes::locate()?.prepare()?;
    receiver::folder()?;
    localstack::environments()?;
    clients::tools().map(drop)
}

/// `--prepare`: obtains everything for the wanted steps, one part after the other. What cannot be obtained the step itself will say, or tries again.
pub(crate) fn run(options: &Options) {
    for part in PARTS.iter().filter(|part| options.wants(part.step)) {
        if let Err(error) = (part.obtain)(options) {
            output::line(&format!("not obtained for the step {}: {error:#}", part.step));
        }
        output::line(&format!("{DONE}{}", part.step));
    }
}

/// Starts to obtain what the wanted steps need.
pub(crate) fn begin(options: &Options, words: &[&str]) {
    let wanted = PARTS.iter().map(|part| part.step).filter(|step| options.wants(step));
    awaited().extend(wanted);
    if awaited().is_empty() {
        return;
    }
    match start(words) {
        Ok(child) => {
            std::thread::spawn(move || follow(child));
        }
        // Then each step obtains what it needs.
        Err(_) => all_done(),
    }
}

fn start(words: &[&str]) -> std::io::Result<Child> {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(std::env::current_exe()?).args(["test", "--prepare"]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// Passes on what the process says, and takes note of what is done with.
fn follow(mut child: Child) {
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
        match line.strip_prefix(DONE) {
            Some(step) => {
                awaited().retain(|awaited| *awaited != step);
                CHANGED.notify_all();
            }
            None => output::line(&line),
        }
    }
    // How it ended does not matter: see `run`.
    let _ = child.wait();
    all_done();
}

fn all_done() {
    awaited().clear();
    CHANGED.notify_all();
}

/// Waits until what a step needs is there, or cannot be had.
pub(crate) fn wait(step: &str) {
    let is_awaited = |awaited: &mut BTreeSet<&'static str>| awaited.contains(step);
    drop(CHANGED.wait_while(awaited(), is_awaited).unwrap_or_else(PoisonError::into_inner));
}

fn awaited() -> MutexGuard<'static, BTreeSet<&'static str>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}
