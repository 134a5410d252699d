//! The key from which all that tasks are known by at their endpoints is derived.
//!
//! Nothing of it is stored by task: the same task has the same names and the same token after a restart, so that the containers that were
//! started before go on.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{Precondition, SecretValue, StateStore, StoreError, TaskId, Write};

/// Where the key is kept: beside the state of the accounts, all of which begins with `ecs/`.
const STORED: &str = "kecs/task-agent-key";
const BYTES: usize = 32;

/// A random key of this state, made once.
pub(crate) struct AgentKey(Zeroizing<[u8; BYTES]>);

impl AgentKey {
    /// The store's key; where it has none, one is made and is durable when this returns.
    pub(crate) async fn open(store: &dyn StateStore) -> Result<Self, StoreError> {
        if let Some(key) = Self::read(store).await? {
            return Ok(key);
        }
        let key = Self::random();
        match store.commit(vec![Write::put(STORED, key.0.to_vec()).when(Precondition::Absent)]).await {
            Ok(_) => Ok(key),
            // Another control plane on the same store was faster.
            Err(StoreError::Conflict { .. }) => Self::read(store).await?.ok_or_else(damaged),
            Err(error) => Err(error),
        }
    }

    async fn read(store: &dyn StateStore) -> Result<Option<Self>, StoreError> {
        let Some(stored) = store.get(STORED).await? else { return Ok(None) };
        let key = stored.value.as_ref().try_into().map_err(|_| damaged())?;
        Ok(Some(Self(Zeroizing::new(key))))
    }

    /// Two random UUIDs: 244 bits that nobody can guess.
    fn random() -> Self {
        let mut key = Zeroizing::new([0; BYTES]);
        for half in key.as_chunks_mut::<16>().0 {
            *half = Uuid::new_v4().into_bytes();
        }
        Self(key)
    }

    /// What a container is called in the URLs of its endpoints: "a 32-digit hex followed by a 10 digit number" ("Amazon ECS task metadata v4 JSON
    /// response for tasks on Fargate", DockerId).
    pub(crate) fn endpoint_id(&self, task: TaskId, container: &str) -> String {
        let mac: [u8; BYTES] = self.mac("endpoint", task, container).finalize().into_bytes().into();
        let (start, _) = mac.split_first_chunk().expect("a MAC is longer than a number");
        format!("{task}-{:010}", u64::from_be_bytes(*start) % 10_000_000_000)
    }

    /// What a task has to show to get its credentials.
    pub(crate) fn token(&self, task: TaskId) -> SecretValue {
        self.secret("token", task, "")
    }

    /// Whether `shown` is the task's token. Takes the same time wherever they differ.
    pub(crate) fn is_token(&self, task: TaskId, shown: &str) -> bool {
        // Two MACs of what is compared, so that the time tells nothing of the texts.
        let same = |text: &str| self.mac("compare", task, text);
        let token = same(self.token(task).expose()).finalize();
        same(shown).verify(&token.into_bytes()).is_ok()
    }

    /// A secret of an account's own.
    pub(crate) fn account_secret(&self, purpose: &str, account: &str) -> SecretValue {
        hex(&self.keyed(&[purpose, account]).finalize().into_bytes())
    }

    fn secret(&self, purpose: &str, task: TaskId, name: &str) -> SecretValue {
        hex(&self.mac(purpose, task, name).finalize().into_bytes())
    }

    fn mac(&self, purpose: &str, task: TaskId, name: &str) -> Hmac<Sha256> {
        self.keyed(&[purpose, &task.to_string(), name])
    }

    fn keyed(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac: Hmac<Sha256> = Hmac::new_from_slice(&*self.0).expect("HMAC takes keys of any length");
        for part in parts {
            mac.update(part.as_bytes());
            // Only the last part may hold one, so that no two lists of parts look alike.
            mac.update(b"\0");
        }
        mac
    }
}

fn hex(bytes: &[u8]) -> SecretValue {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).expect("four bits are a digit");
    SecretValue::new(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

fn damaged() -> StoreError {
    StoreError::Corrupt { message: format!("the state at {STORED:?} is no key; remove the state, or restore it") }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn a_store_has_one_key_for_ever_and_another_store_another() {
        let store = MemoryStore::new();
        let task = TaskId::random();
        let ids = |key: &AgentKey| (key.endpoint_id(task, "web"), key.token(task).expose().to_owned());
        let first = ids(&AgentKey::open(&store).await.unwrap());
        assert_eq!(ids(&AgentKey::open(&store).await.unwrap()), first);
        assert_ne!(ids(&AgentKey::open(&MemoryStore::new()).await.unwrap()), first);
    }

    #[test]
    fn an_endpoint_id_is_the_task_s_id_and_ten_digits_that_tell_containers_apart() {
        let (key, task) = (AgentKey::random(), TaskId::random());
        let id = key.endpoint_id(task, "web");
        let (start, digits) = id.split_once('-').unwrap();
        assert_eq!(start, task.to_string());
        assert!(digits.len() == 10 && digits.bytes().all(|digit| digit.is_ascii_digit()), "{digits}");
        assert_ne!(key.endpoint_id(task, "proxy"), id);
    }

    #[test]
    fn only_its_own_token_is_a_task_s() {
        let (key, task) = (AgentKey::random(), TaskId::random());
        assert!(key.is_token(task, key.token(task).expose()));
        for other in ["", "0", key.token(TaskId::random()).expose(), AgentKey::random().token(task).expose()] {
            assert!(!key.is_token(task, other), "{other}");
        }
        assert!(!format!("{key:?}").contains(|letter: char| letter.is_ascii_digit()));
    }

    #[tokio::test]
    async fn a_damaged_key_is_an_error_and_not_replaced() {
        let store = MemoryStore::new();
        store.commit(vec![Write::put(STORED, "short")]).await.unwrap();
        assert!(matches!(AgentKey::open(&store).await, Err(StoreError::Corrupt { .. })));
    }
}
