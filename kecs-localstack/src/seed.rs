//! What an emulator has from the start: it forgets everything when it ends, so this is made at every start, before it counts as ready.

mod config;
mod make;
mod script;
mod value;

use std::fmt;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kecs_core::Scope;

pub use config::{Seed, SeedBucket, SeedLogGroup, SeedObject, SeedParameter, SeedQueue, SeedRole, SeedSecret, SeedTopic};
pub use value::SeedValue;

use crate::AwsClient;

/// Where a seed is made.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) client: &'a AwsClient,
    pub(crate) scope: &'a Scope,
    /// For init scripts: where the emulator itself answers.
    pub(crate) endpoint: &'a str,
}

/// A part of a seed that could not be made: what it is, and why not. Never its value.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    why: String,
}

impl Failure {
    fn of(what: String) -> impl Fn(&dyn fmt::Display) -> Self {
        move |why| Self { what: what.clone(), why: why.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl Seed {
    /// Makes all of it: one service after the other, the resources of each side by side, and then the init scripts in order, which may use them. What is there already is brought
    /// to what is written, or left if it is the same. Does all that can be done; the error names everything that could not.
    pub(crate) async fn apply(&self, target: &Target<'_>) -> Result<(), String> {
        let mut failures = Vec::new();
        // LocalStack imports a service with its first call, and Python may find a deadlock between two imports: it answers 500 then.
        for of_service in make::by_service(self, target) {
            let mut parts: FuturesUnordered<_> = of_service.into_iter().collect();
            while let Some(made) = parts.next().await {
                failures.extend(made.err());
            }
        }
        for path in &self.init_scripts {
            failures.extend(script::run(path, target).await.err());
        }
        if failures.is_empty() {
            return Ok(());
        }
        let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Err(format!("the seed is incomplete: {}", failures.join("; ")))
    }
}
