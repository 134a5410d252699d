//! The log: stderr, filtered, coloured only on a terminal.

use tracing_subscriber::EnvFilter;

use crate::failure::{Exit, Failure};
use crate::terminal;

/// Where the Kubernetes client says of each attempt that it failed, with all that it knows: what that means, `kecs_k8s` says. A filter that names one of these hears it.
const QUIET: &str = "kube_client::client::builder=off,kube_runtime::watcher=off";

/// Sends what the libraries trace to stderr.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn start(filter: &str) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_env_filter(what_is_logged(filter)?)
        .with_writer(terminal::log)
        .with_ansi(terminal::colour(&std::io::stderr()))
        .init();
    Ok(())
}

/// Of several directives for one module the last holds.
fn what_is_logged(filter: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|error| {
        Failure::new(Exit::Usage, format_args!("log '{filter}' is not a filter ({error})"), "write info, or kecs_core=debug,warn")
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn the_kubernetes_client_is_heard_where_it_is_named() {
        let heard = |filter: &str| {
            let logged = tracing_subscriber::registry().with(what_is_logged(filter).unwrap());
            tracing::subscriber::with_default(logged, || {
                [
                    tracing::enabled!(target: "kube_client::client::builder", Level::ERROR),
                    tracing::enabled!(target: "kube_runtime::watcher", Level::WARN),
                    tracing::enabled!(target: "kube_client::client::auth", Level::WARN),
                    tracing::enabled!(target: "kecs_k8s::reactor", Level::WARN),
                ]
            })
        };
        assert_eq!(heard("info"), [false, false, true, true]);
        assert_eq!(heard("warn,kube_client::client::builder=error"), [true, false, true, true]);
        assert_eq!(heard("kube_runtime::watcher=debug,info"), [false, true, true, true]);
    }
}
