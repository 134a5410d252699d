//! `kecs sidecar` as a program of its own, so small that each task's pod can have one. Everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kecs_bin::sidecar_main()
}
