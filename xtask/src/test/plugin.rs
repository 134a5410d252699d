//! AWS's Session Manager plugin, which the AWS CLI starts for `aws ecs execute-command`: built from its Go module, in the version that
//! `xtask/tools/session-manager-plugin/go.mod` says, into `target/`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{output, process};
use crate::cluster::build;
use crate::workspace;

/// What the AWS CLI calls it, and the package that it is built from.
const NAME: &str = "session-manager-plugin";
const MODULE: &str = "github.com/aws/session-manager-plugin";
const PACKAGE: &str = "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main";

/// The folder that the program is in, for the `PATH`; nothing where it can be neither found nor built.
pub(crate) fn folder() -> Result<Option<PathBuf>> {
    let tools = workspace::root().join("xtask/tools").join(NAME);
    let folder = process::target(&format!("{NAME}-{}", build::version(&tools, MODULE)?));
    if process::is_file(&folder.join(NAME)) {
        return Ok(Some(folder));
    }
    if !process::succeeds(Command::new("go").arg("version")) {
        output::line("no Go, with which AWS's Session Manager plugin is built: install Go 1.26");
        return Ok(None);
    }
    match build::programs(&tools, &[(NAME, PACKAGE)], "-s -w", &folder) {
        Ok(()) => Ok(Some(folder)),
        Err(error) => {
            output::line(&format!("AWS's Session Manager plugin is not there: {error:#}"));
            Ok(None)
        }
    }
}
