//! What stands in for a log router in the tests of FireLens: a receiver that is not ours, built from `xtask/tools/forward-receiver` into `target/`.

use std::path::PathBuf;

use anyhow::Result;

use super::process;
use crate::cluster::build;
use crate::workspace;

const NAME: &str = "forward-receiver";
const MODULE: &str = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver";

/// The folder that the program is in. Building it takes Go, as much else in a cluster does.
pub(crate) fn folder() -> Result<PathBuf> {
    let tools = workspace::root().join("xtask/tools").join(NAME);
    let folder = process::target(&format!("{NAME}-{}", build::version(&tools, MODULE)?));
    build::programs(&tools, &[(NAME, ".")], "-s -w", &folder)?;
    Ok(folder)
}
