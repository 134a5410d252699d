//! The log: stderr, filtered, coloured only on a terminal.

use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure};
use crate::terminal;

/// Sends what the libraries trace to stderr.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn start(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::new(Exit::Usage, format_args!("log '{filter}' is not a filter ({error})"), "write info, or kecs_core=debug,warn")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal::colour(&std::io::stderr()))
        .init();
    Ok(())
}
