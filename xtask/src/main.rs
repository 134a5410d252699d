//! Chores of the project: `cargo xtask <chore>`. One module per chore.

mod test;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>

  test [--only STEP]... [--list] [--ci]
                                   everything that must pass; --list names the steps, --ci allows no skips";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["test", options @ ..] = words.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    let outcome = test::run(options);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
