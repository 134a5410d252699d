//! The log: stderr, filtered, coloured only on a terminal.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::BadValue;
use crate::terminal;

/// Where the Kubernetes client says of each attempt that it failed, with all that it knows: what that means, `kecs_k8s` says. A filter that names one of these hears it.
const QUIET: &str = "kube_client::client::builder=off,kube_runtime::watcher=off";

/// What is to be logged, as the setting `log` says it.
#[derive(Debug)]
pub(crate) struct LogFilter(String);

impl Default for LogFilter {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl FromStr for LogFilter {
    type Err = BadValue;

    fn from_str(filter: &str) -> Result<Self, BadValue> {
        let refused =
            |why: &dyn fmt::Display| BadValue(format!("'{filter}' is not a filter ({why}): write info, or kecs_core=debug,warn"));
        // A lone word that is no level is taken for a module, of which all is logged, and of the others nothing.
        let no_level = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic()) && word.parse::<LevelFilter>().is_err();
        if let Some(word) = filter.split(',').map(str::trim).filter(|word| !word.is_empty()).find(no_level) {
            return Err(refused(&format_args!("{word} is no level")));
        }
        EnvFilter::try_new(filter).map_err(|error| refused(&error))?;
        Ok(Self(filter.to_owned()))
    }
}

impl LogFilter {
    /// Of several directives for one module the last holds.
    fn directives(&self) -> EnvFilter {
        EnvFilter::new(format!("{QUIET},{}", self.0))
    }
}

/// Sends what the libraries trace to stderr.
pub(crate) fn start(filter: &LogFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter.directives())
        .with_writer(terminal::log)
        .with_ansi(terminal::colour(&std::io::stderr()))
        .init();
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn a_mistyped_level_does_not_silence_the_log() {
        for wrong in ["warning", "kecs_core=debug,inf"] {
            let refused = wrong.parse::<LogFilter>().err().unwrap().0;
            let word = wrong.rsplit(',').next().unwrap();
            assert_eq!(refused, format!("'{wrong}' is not a filter ({word} is no level): write info, or kecs_core=debug,warn"));
        }
        for right in ["info", "WARN", "off", "kecs_core", "hyper=trace,", "kecs_core=debug, warn", "3", ""] {
            assert!(right.parse::<LogFilter>().is_ok(), "{right}");
        }
    }

    #[test]
    fn the_kubernetes_client_is_heard_where_it_is_named() {
        let heard = |filter: &str| {
            let logged = tracing_subscriber::registry().with(filter.parse::<LogFilter>().ok().unwrap().directives());
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
