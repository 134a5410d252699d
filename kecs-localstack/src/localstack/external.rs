//! An emulator that somebody else runs.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::config::LocalStackConfig;
use super::deployer::{DeployOrder, Deployer, Deployment};
use super::error::LocalStackError;
use crate::BaseUrl;

/// Uses an emulator at a URL. It is watched, and never started, stopped or configured; [seeds](crate::Seed) are made there.
#[derive(Clone, Debug)]
pub struct ExternalDeployer {
    endpoint: BaseUrl,
}

impl ExternalDeployer {
    /// The emulator at this URL.
    pub fn new(endpoint: BaseUrl) -> Self {
        Self { endpoint }
    }

    fn not_ours(&self, what: &'static str) -> LocalStackError {
        LocalStackError::NotOurs { endpoint: self.endpoint.to_string(), what }
    }
}

#[async_trait]
impl Deployer for ExternalDeployer {
    fn check(&self, config: &LocalStackConfig) -> Result<(), LocalStackError> {
        if !config.services.is_empty() {
            return Err(self.not_ours("choose its services"));
        }
        config.check_seed()
    }

    async fn deploy(&self, _order: DeployOrder) -> Result<Box<dyn Deployment>, LocalStackError> {
        Ok(Box::new(External { endpoint: self.endpoint.clone() }))
    }

    /// It has no names, and what is in it is somebody else's.
    async fn names(&self) -> Result<Vec<String>, LocalStackError> {
        Ok(Vec::new())
    }

    async fn retire(&self, _name: &str) -> Result<(), LocalStackError> {
        Ok(())
    }

    async fn remove(&self, _name: &str) -> Result<(), LocalStackError> {
        Ok(())
    }

    fn logs(&self, _name: &str, _tail: Option<usize>, _follow: bool) -> BoxStream<'static, Result<String, LocalStackError>> {
        let refusal = self.not_ours("read its log");
        stream::once(async { Err(refusal) }).boxed()
    }
}

#[derive(Debug)]
struct External {
    endpoint: BaseUrl,
}

#[async_trait]
impl Deployment for External {
    fn endpoint(&self) -> &BaseUrl {
        &self.endpoint
    }

    fn is_ours(&self) -> bool {
        false
    }

    async fn ended(&mut self) -> String {
        pending().await
    }

    async fn stop(&mut self, _grace: Duration) {}
}
