//! Readers for whom a container's oldest output has to wait.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// Who reads a container's files and must not miss any, and which file each is at.
#[derive(Clone, Debug, Default)]
pub(in crate::process) struct Holds(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    at: BTreeMap<u64, u64>,
}

impl Holds {
    /// Holds every file, until the reader says how far it is or the hold is dropped.
    pub(in crate::process) fn hold(&self) -> Hold {
        let mut id = 0;
        self.0.send_modify(|State { next, at }| {
            id = *next;
            *next += 1;
            at.insert(id, 0);
        });
        Hold { holds: self.clone(), id }
    }

    /// Whether somebody still has to read this file.
    pub(super) fn holds(&self, file: u64) -> bool {
        held(&self.0.borrow(), file)
    }

    /// Waits until nobody has to read this file any more.
    pub(super) async fn released(&self, file: u64) {
        // The sender is here: it cannot be gone.
        let _ = self.0.subscribe().wait_for(|state| !held(state, file)).await;
    }
}

fn held(state: &State, file: u64) -> bool {
    state.at.values().any(|&at| at <= file)
}

/// One reader's.
#[derive(Debug)]
pub(in crate::process) struct Hold {
    holds: Holds,
    id: u64,
}

impl Hold {
    /// It reads this file, and has read those before.
    pub(in crate::process) fn reads(&self, file: u64) {
        self.holds.0.send_modify(|state| {
            state.at.insert(self.id, file);
        });
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.0.send_modify(|state| {
            state.at.remove(&self.id);
        });
    }
}
