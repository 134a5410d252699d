//! A client of the SDK that counts its attempts, and whose waiters do not wait long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::interceptors::{BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef};
use aws_sdk_ecs::config::{ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep, TokioSleep};
use e2e::Kecs;

/// The client, and what it did.
#[derive(Debug)]
pub(crate) struct Sdk {
    pub(crate) ecs: Client,
    counts: Arc<Counts>,
}

impl Sdk {
    pub(crate) fn of(kecs: &Kecs) -> Self {
        let counts = Arc::new(Counts::default());
        let config = aws_sdk_ecs::Config::builder()
            .behavior_version_latest()
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "e2e"))
            .endpoint_url(kecs.endpoint())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .sleep_impl(Hasty)
            .interceptor(Counting(Arc::clone(&counts)))
            .build();
        Self { ecs: Client::from_conf(config), counts }
    }

    /// How often a request was sent again.
    pub(crate) fn retries(&self) -> u64 {
        self.counts.attempts.load(Ordering::SeqCst) - self.counts.calls.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    attempts: AtomicU64,
}

#[derive(Debug)]
struct Counting(Arc<Counts>);

impl Intercept for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Waits a hundredth of what the SDK asks for: its waiters look every 6 or 15 seconds.
#[derive(Debug)]
struct Hasty;

impl AsyncSleep for Hasty {
    fn sleep(&self, duration: Duration) -> Sleep {
        TokioSleep::new().sleep(duration / 100)
    }
}
