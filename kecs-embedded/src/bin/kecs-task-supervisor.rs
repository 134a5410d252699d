//! The supervisor of one task as a program of its own, for tests and for embedders whose own binary has no room for it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kecs_embedded::run_task_supervisor(std::env::args_os().skip(1))
}
