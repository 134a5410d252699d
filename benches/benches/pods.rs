//! Tasks as pods: how much later one runs than the same pod alone, what it costs the API server, and what a thousand of them cost KECS.
//!
//! It needs a cluster: `cargo xtask cluster run NAME -- PROGRAM --bench`, see README.md. Without one it says so and measures nothing.

#[path = "pods/bare.rs"]
mod bare;
#[path = "pods/counted.rs"]
mod counted;
#[path = "pods/hollow.rs"]
mod hollow;
#[path = "pods/thousand.rs"]
mod thousand;

use std::time::Duration;

use anyhow::{Context, Result};
use benches::{Mode, pin_client, print};

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    if std::env::var_os("KECS_TEST_CLUSTER").is_none() {
        print("pods: nothing is measured, since KECS_TEST_CLUSTER does not say that there is a cluster");
        return Ok(());
    }
    pin_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode))
}

async fn run(mode: Mode) -> Result<()> {
    bare::compare(mode).await?;
    counted::count(mode).await?;
    thousand::measure(mode).await
}

/// A client of the cluster that the run is in.
async fn client() -> Result<kube::Client> {
    kube::Client::try_default().await.context("nothing says how to reach the cluster")
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}
