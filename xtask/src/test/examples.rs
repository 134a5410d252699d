//! Each program in `examples/examples/` runs to its end.

use anyhow::{Context, Result};

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output, process};
use crate::workspace;

/// Examples that play against a server; the step `clients` runs them, where there is one.
const NEED_A_SERVER: &[&str] = &["quickstart"];

/// Runs each example that needs nothing.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let mut total = Tally::default();
    for name in names()?.iter().filter(|name| !NEED_A_SERVER.contains(&name.as_str())) {
        output::line(&format!("-- {name}"));
        let mut command = process::cargo(options);
        command.args(["run", "--quiet", "--package", "examples", "--example", name]);
        total.add(cargo::check(&mut command, &format!("example {name}"))?);
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
