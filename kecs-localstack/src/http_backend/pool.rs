//! Connections that wait for the next call.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::connection::Connection;
use super::{BaseUrl, HttpBackendConfig};

/// The idle connections of one endpoint, the one used last on top: it is the least likely to be closed, and the rest can age.
#[derive(Debug)]
pub(super) struct Pool {
    url: BaseUrl,
    config: HttpBackendConfig,
    idle: Mutex<IdleConnections>,
}

#[derive(Debug, Default)]
struct IdleConnections {
    stack: Vec<Idle>,
    /// A task closes them in time.
    are_watched: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(url: BaseUrl, config: HttpBackendConfig) -> Self {
        Self { url, config, idle: Mutex::default() }
    }

    pub(super) fn url(&self) -> &BaseUrl {
        &self.url
    }

    pub(super) fn config(&self) -> &HttpBackendConfig {
        &self.config
    }

    /// A connection that the endpoint still holds open, as far as is known.
    pub(super) fn take(&self) -> Option<Connection> {
        loop {
            let Idle { connection, since } = self.lock().stack.pop()?;
            if since.elapsed() < self.config.idle_timeout && connection.is_usable() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next call. Must be called in a tokio runtime with time.
    pub(super) fn put(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.lock();
        if idle.stack.len() >= self.config.idle_connections {
            return;
        }
        idle.stack.push(Idle { connection, since: Instant::now() });
        if !std::mem::replace(&mut idle.are_watched, true) {
            self.close_in_time();
        }
    }

    /// Closes what nobody takes, so that none stays half closed after the endpoint has given it up. Ends when nothing is idle.
    fn close_in_time(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        let patience = self.config.idle_timeout;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(patience).await;
                let Some(pool) = pool.upgrade() else { return };
                let mut idle = pool.lock();
                idle.stack.retain(|idle| idle.since.elapsed() < patience);
                if idle.stack.is_empty() {
                    idle.are_watched = false;
                    return;
                }
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, IdleConnections> {
        // What a panic left behind is a list of connections all the same.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
