//! The processes that a kecs started.

use std::fs;
use std::path::Path;

/// Those of the LocalStacks of the kecs on this data folder: it marks them with a variable.
///
/// # Panics
/// When the processes cannot be listed.
pub fn localstack_processes(data: &Path) -> Vec<u32> {
    let data = data.canonicalize().expect("the data folder is there");
    let mark = format!("KECS_LOCALSTACK={}", data.display());
    let is_marked = |pid: &u32| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|&byte| byte == 0).any(|variable| variable.starts_with(mark.as_bytes()))
    };
    let entries = fs::read_dir("/proc").expect("there is a list of processes").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_marked).collect()
}
