//! Where things are in the workspace, and how a chore runs other programs.

use std::path::PathBuf;

/// The workspace's root directory.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
