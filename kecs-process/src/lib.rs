//! Processes of this host that are not children: found by a mark, which is a variable of their environment, and ended.
//!
//! A program that KECS starts may outlive it, and may start others that leave its session. Their environment is what stays with them, so KECS marks it,
//! and finds them by [`value`] whoever their parent is by then. Linux tells all of that in `/proc`; elsewhere nothing is found, and nothing ended.
//!
//! All functions block: for a moment, but for [`kill_and_wait`], which returns when the process has ended.

mod environment;
mod kill;

use std::fs;

pub use environment::value;
pub use kill::kill_and_wait;

/// The ids of all processes that can be seen, in no order. Each may have ended when it is looked at.
pub fn ids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
