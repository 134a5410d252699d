//! The `kecs` command. Everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kecs_bin::main()
}
