//! The processes that a kecs started.

use std::path::Path;

/// Those of the LocalStacks of the kecs on this data folder: it marks them with a variable.
///
/// # Panics
/// When the data folder is not there.
pub fn localstack_processes(data: &Path) -> Vec<i32> {
    let data = data.canonicalize().expect("the data folder is there");
    let is_ours = |pid| kecs_process::value(pid, "KECS_LOCALSTACK").is_some_and(|mark| Path::new(&mark).starts_with(&data));
    kecs_process::ids().filter(|&pid| is_ours(pid)).collect()
}
