//! Turns among the connections that are ready at once.

use std::future::poll_fn;
use std::task::Poll;

/// Lets all tasks that are ready now have their turn first. To be awaited before a write, so that the connections that were read from in one round of the
/// runtime write one after the other: a write to a peer that sleeps wakes it, at a price, and one to a peer that is at work still is cheap (ADR 0030).
///
/// Unlike `tokio::task::yield_now`, it does not wait for the runtime to ask the kernel for news, so that it costs no system call, and next to nothing where
/// nobody else is ready. Cancel safe.
pub(super) async fn after_the_others() {
    let mut had_its_turn = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut had_its_turn, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn order(runtime: &tokio::runtime::Runtime) -> Vec<&'static str> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connection = |seen: Arc<Mutex<Vec<_>>>| async move {
            seen.lock().unwrap().push("read");
            after_the_others().await;
            seen.lock().unwrap().push("written");
        };
        let all = runtime.spawn({
            let seen = Arc::clone(&seen);
            async move {
                let connections: Vec<_> = (0..3).map(|_| tokio::spawn(connection(Arc::clone(&seen)))).collect();
                for connection in connections {
                    connection.await.unwrap();
                }
            }
        });
        runtime.block_on(all).unwrap();
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    // On both runtimes that KECS has: the gateway's and the sidecar's.
    #[test]
    fn all_that_are_ready_read_before_one_of_them_writes() {
        let expected = ["read", "read", "read", "written", "written", "written"];
        let gateways = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let sidecars = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!((order(&gateways), order(&sidecars)), (expected.to_vec(), expected.to_vec()));
    }
}
