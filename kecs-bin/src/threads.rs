//! The threads of `kecs start` and `kecs sidecar`.

use tokio::runtime::Builder;

/// After how many turns of tasks the kernel is asked for news. A call that is passed on takes four, each of some µs, and all connections that are ready at once
/// should share one round (ADR 0030); with tokio's 61 it is over after fifteen calls.
const EVENT_INTERVAL: u32 = 256;

/// The server's: one for each of so many cores. With one core it is the thread that starts it, which has nobody to share work with, and so does without what
/// sharing costs: a tenth of a small call that is passed on (ADR 0030).
pub(crate) fn of_server(cores: usize) -> Builder {
    let mut builder = if cores > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.event_interval(EVENT_INTERVAL).enable_all();
    builder
}

/// A sidecar's. One of these stands beside each task, so it must be small: one thread is plenty for what one task asks.
pub(crate) fn of_sidecar() -> Builder {
    of_server(1)
}

/// How many cores this process may use: of the machine's, what its affinity and its control group's quota leave. One, where the system does not say.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use tokio::runtime::RuntimeFlavor::{CurrentThread, MultiThread};

    use super::*;

    #[test]
    fn one_core_takes_one_thread() {
        let flavor = |mut builder: Builder| builder.build().unwrap().handle().runtime_flavor();
        assert_eq!([of_server(1), of_server(2), of_sidecar()].map(flavor), [CurrentThread, MultiThread, CurrentThread]);
    }
}
