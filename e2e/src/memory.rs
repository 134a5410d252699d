//! What is in the memory of a process.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Whether the memory that a process writes to holds these bytes.
///
/// # Panics
/// When it cannot be read.
pub fn memory_holds(pid: u32, bytes: &[u8]) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let memory = File::open(process.join("mem")).expect("the process lives, and may be looked into");
    // "address perms offset …" (proc_pid_maps(5)).
    let maps = std::fs::read_to_string(process.join("maps")).expect("the process lives");
    let writable = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|perms| perms.starts_with("rw")));
    let mut ranges = writable.map(|line| {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("it begins with a range");
        let address = |digits| u64::from_str_radix(digits, 16).expect("addresses are hexadecimal");
        (address(start), address(end))
    });
    ranges.any(|(start, end)| {
        let mut content = vec![0; usize::try_from(end - start).expect("it fits into memory")];
        // What was unmapped since then holds nothing.
        memory.read_exact_at(&mut content, start).is_ok() && content.windows(bytes.len()).any(|window| window == bytes)
    })
}
