//! `cargo xtask operations`: the table of operations in the docs, from the code.
//!
//! The table is printed by an example of kecs-core, so that this program need not be built with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::test::process;
use crate::workspace;

/// Writes `docs/operations.md`.
pub(crate) fn write() -> Result<()> {
    let table = table()?;
    fs::write(path(), table).with_context(|| format!("cannot write {}", path().display()))
}

/// Fails when the committed table is not what the code says.
pub(crate) fn check() -> Result<()> {
    if fs::read_to_string(path()).ok() != Some(table()?) {
        bail!("docs/operations.md is not what the code says; run `cargo xtask operations`");
    }
    Ok(())
}

fn path() -> PathBuf {
    workspace::root().join("docs/operations.md")
}

fn table() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // With the features of the whole workspace, so that the tests need nothing of it compiled again.
    let arguments = ["build", "--quiet", "--workspace", "--example", "operations"];
    workspace::run(Command::new(cargo).args(arguments).current_dir(workspace::root()))?;
    let program = process::target("debug/examples").join(format!("operations{}", std::env::consts::EXE_SUFFIX));
    workspace::run(&mut Command::new(program))
}
