//! Pretended hosts.

use std::collections::BTreeMap;

use futures::StreamExt;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::{BackendError, ErrorKind, HostEvent, HostInstance, HostStream};

/// All hosts, by id.
#[derive(Debug)]
pub(super) struct Hosts(watch::Sender<BTreeMap<String, HostInstance>>);

impl Default for Hosts {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }
}

impl Hosts {
    pub(super) fn set(&self, host: HostInstance) {
        self.0.send_modify(|hosts| drop(hosts.insert(host.id.clone(), host)));
    }

    pub(super) fn remove(&self, id: &str) {
        self.0.send_modify(|hosts| drop(hosts.remove(id)));
    }

    pub(super) fn get(&self, id: &str) -> Option<HostInstance> {
        self.0.borrow().get(id).cloned()
    }

    pub(super) fn drain(&self, id: &str, drains: bool) -> Result<(), BackendError> {
        let mut known = false;
        self.0.send_if_modified(|hosts| {
            let Some(host) = hosts.get_mut(id) else { return false };
            known = true;
            std::mem::replace(&mut host.drained, drains) != drains
        });
        if known { Ok(()) } else { Err(BackendError::new(ErrorKind::NotFound, format!("there is no host {id}"))) }
    }

    /// All of them, whenever one changes.
    pub(super) fn watch(&self) -> HostStream {
        let all = WatchStream::new(self.0.subscribe());
        all.map(|hosts| Ok(HostEvent::Resynced(hosts.into_values().collect()))).boxed()
    }
}
