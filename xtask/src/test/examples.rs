//! Each program in `examples/examples/` runs to its end.

use anyhow::{Context, Result};

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output, process};
use crate::workspace;

/// Runs each example. `--once` is for those that would wait for Ctrl-C.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let mut total = Tally::default();
    // Built as the tests are, with the features of the whole workspace, so that next to nothing is compiled again.
    let mut build = process::cargo(options);
    build.args(["build", "--workspace", "--examples"]);
    if !process::stream(&mut build, |_| ())? {
        return Ok(Tally::failed("the examples do not build".to_owned()));
    }
    for name in names()? {
        output::line(&format!("-- {name}"));
        let program = process::target("debug/examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        total.add(cargo::check(std::process::Command::new(program).arg("--once"), &format!("example {name}"))?);
    }
    Ok(total)
}

/// The names of the examples, in order: files `NAME.rs` and directories with a `main.rs`.
fn names() -> Result<Vec<String>> {
    let directory = workspace::root().join("examples/examples");
    let Ok(entries) = directory.read_dir() else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("cannot read examples/examples")?.path();
        let is_example = path.extension().is_some_and(|extension| extension == "rs") || process::is_file(&path.join("main.rs"));
        if let (true, Some(name)) = (is_example, path.file_stem()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
