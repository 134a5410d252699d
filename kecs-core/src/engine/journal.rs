//! Makes changes durable in the order in which they were made, many at a time.
//!
//! A change is applied in memory under the world's lock and handed over under the same lock, so the journal's order is the order of the
//! changes. All that has gathered while one commit was under way goes into the next (group commit). Effects follow their commit: a
//! task never starts before it is on record.
//!
//! When the store fails, memory is ahead of it. The journal keeps what it holds and tries again until the store is back; until then new
//! changes are refused before they touch memory ([`Journal::refusal`]), and those who wait for an acknowledgement get an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kecs_model::{ApiError, ErrorCode};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::changes::Announcer;
use super::effect::Effect;
use super::tx::Tx;
use crate::{Report, StateStore, Write};

/// The most changes that one commit takes.
const BATCH: usize = 1024;
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Entry {
    tx: Tx,
    done: oneshot::Sender<Result<(), String>>,
}

/// The way into the journal.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    entries: mpsc::UnboundedSender<Entry>,
    trouble: Arc<Trouble>,
}

/// Whether the store fails at present, and how.
#[derive(Debug, Default)]
struct Trouble {
    failing: AtomicBool,
    message: Mutex<String>,
}

impl Trouble {
    fn set(&self, message: String) {
        *self.message.lock().unwrap_or_else(PoisonError::into_inner) = message;
        self.failing.store(true, Ordering::Release);
    }

    fn clear(&self) {
        self.failing.store(false, Ordering::Release);
    }

    fn message(&self) -> Option<String> {
        self.failing.load(Ordering::Acquire).then(|| self.message.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Waits until a change is durable.
#[derive(Debug)]
pub(crate) struct Ack(Option<oneshot::Receiver<Result<(), String>>>);

impl Ack {
    /// Waits. On an error the change may still become durable later.
    pub(crate) async fn durable(self) -> Result<(), ApiError> {
        match self.0 {
            None => Ok(()),
            Some(done) => match done.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(message)) => Err(store_failed(&message)),
                Err(_) => Err(store_failed("the server is shutting down")),
            },
        }
    }
}

fn store_failed(message: &str) -> ApiError {
    ApiError::new(ErrorCode::ServerException, format!("The change could not be stored: {message}"))
}

impl Journal {
    /// A journal that writes to `store` and sends effects on; and its work, to be spawned. The work ends after `stop`, when all
    /// that was handed over has been written, or tried at least.
    pub(super) fn new(
        store: Arc<dyn StateStore>,
        effects: mpsc::UnboundedSender<Effect>,
        announcer: Announcer,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (entries, queue) = mpsc::unbounded_channel();
        let trouble = Arc::new(Trouble::default());
        let work = run(store, queue, effects, announcer, Arc::clone(&trouble), stop);
        (Self { entries, trouble }, work)
    }

    /// Hands a change over. To be called under the lock of the world that changed.
    pub(super) fn submit(&self, tx: Tx) -> Ack {
        if tx.is_empty() {
            return Ack(None);
        }
        let (done, wait) = oneshot::channel();
        // A closed journal drops the entry, and with it `done`: the waiter learns of it.
        let _ = self.entries.send(Entry { tx, done });
        Ack(Some(wait))
    }

    /// Why changes are refused at present, if they are.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        self.trouble.message().map(|message| store_failed(&message))
    }
}

async fn run(
    store: Arc<dyn StateStore>,
    mut queue: mpsc::UnboundedReceiver<Entry>,
    effects: mpsc::UnboundedSender<Effect>,
    announcer: Announcer,
    trouble: Arc<Trouble>,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            biased;
            // From then on nothing can be handed over; what was is still written below.
            () = stop.cancelled(), if !queue.is_closed() => queue.close(),
            received = queue.recv_many(&mut batch, BATCH) => if received == 0 {
                return;
            },
        }
        let mut writes = Vec::new();
        let mut follow = Vec::new();
        let mut waiting = Vec::new();
        let mut announced = Vec::new();
        for Entry { tx, done } in batch.drain(..) {
            writes.extend(tx.writes);
            follow.extend(tx.effects);
            announced.extend(tx.announced);
            waiting.push(done);
        }
        if !commit(&*store, writes, &mut waiting, &trouble, &stop).await {
            return;
        }
        announcer.announce(announced);
        for effect in follow {
            // The reactor is gone only at shutdown; what is on record is taken up at the next start.
            let _ = effects.send(effect);
        }
        for done in waiting {
            let _ = done.send(Ok(()));
        }
    }
}

/// Commits until it succeeds; after the first failure nobody is left waiting. `false` when the engine stops before it does.
async fn commit(
    store: &dyn StateStore,
    writes: Vec<Write>,
    waiting: &mut Vec<oneshot::Sender<Result<(), String>>>,
    trouble: &Trouble,
    stop: &CancellationToken,
) -> bool {
    if writes.is_empty() {
        return true;
    }
    let mut pause = FIRST_RETRY;
    loop {
        match store.commit(writes.clone()).await {
            Ok(_) => {
                trouble.clear();
                return true;
            }
            Err(error) => {
                let message = Report(&error).to_string();
                tracing::error!(error = message, retry_in = ?pause, "state store failed");
                trouble.set(message.clone());
                for done in waiting.drain(..) {
                    let _ = done.send(Err(message.clone()));
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(LAST_RETRY);
    }
}
