//! What CloudFormation makes inside of the backend does not pass through KECS, but the calls of CloudFormation do, and those that ask how far a stack is. So
//! each is a reason to look at what there is now.

use std::collections::HashSet;
use std::time::Duration;

use kecs_core::Scope;
use tokio::task::JoinSet;

/// The service whose calls are such a reason.
pub(crate) const SERVICE: &str = "cloudformation";

/// How long after a call is looked: clients ask again and again until a stack is complete, and its last resources are there soon after the first answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Accounts and regions to be looked at in a moment, each once, however often that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    wanted: HashSet<Scope>,
    pauses: JoinSet<Scope>,
}

impl Looks {
    /// Something may have been made there. What is made until the look begins is seen by it.
    pub(crate) fn want(&mut self, scope: Scope) {
        if self.wanted.insert(scope.clone()) {
            self.pauses.spawn(async {
                tokio::time::sleep(PAUSE).await;
                scope
            });
        }
    }

    /// Where to look now; waits as long as nobody wants it. Cancel safe.
    pub(crate) async fn next(&mut self) -> Scope {
        loop {
            match self.pauses.join_next().await {
                Some(Ok(scope)) => {
                    self.wanted.remove(&scope);
                    return scope;
                }
                // A pause cannot fail.
                Some(Err(_)) => {}
                None => return std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_look_follows_once_on_calls_of_one_second_and_again_on_later_ones() {
        let mut looks = Looks::default();
        let (here, there) = (Scope::new("000000000000", "eu-west-1"), Scope::new("000000000000", "us-east-1"));
        for scope in [&here, &here, &there, &here] {
            looks.want(scope.clone());
        }
        let mut seen = vec![looks.next().await, looks.next().await];
        seen.sort();
        assert_eq!(seen, [here.clone(), there]);
        assert!(tokio::time::timeout(PAUSE * 10, looks.next()).await.is_err());
        looks.want(here.clone());
        assert_eq!(looks.next().await, here);
    }
}
