//! From the start to the first answer, what a `kecs` at rest takes, and how large the program is.

use std::time::{Duration, Instant};

use anyhow::Result;
use benches::{Caller, Kecs, Mode, Table, binary, pin_client};
use serde_json::json;

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    pin_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode))
}

async fn run(mode: Mode) -> Result<()> {
    let kecs = Kecs::durable();
    let table = Table::new("Start-up and rest", &["what", "median", "worst"]);
    for (name, new_each_time) in
        [("start to first answer, new data folder", true), ("start to first answer, existing data folder", false)]
    {
        let mut folder = tempfile::tempdir()?;
        let mut times = Vec::new();
        for _ in 0..mode.pick(21, 2) {
            if new_each_time {
                folder = tempfile::tempdir()?;
            }
            let server = kecs.start(folder.path())?;
            Caller::new(server.address).ecs("ListClusters", &json!({})).await?;
            times.push(server.started.elapsed());
        }
        times.sort_unstable();
        let millis = |time: &Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        table.row(&[name.to_owned(), millis(&times[times.len() / 2]), times.last().map(millis).unwrap_or_default()]);
    }

    let folder = tempfile::tempdir()?;
    let server = kecs.start(folder.path())?;
    Caller::new(server.address).ecs("ListClusters", &json!({})).await?;
    let rest = mode.pick(Duration::from_secs(10), Duration::from_millis(200));
    let before = (server.exact_cpu()?, Instant::now());
    tokio::time::sleep(rest).await;
    let used = server.exact_cpu()?.saturating_sub(before.0).as_secs_f64() / before.1.elapsed().as_secs_f64();
    table.row(&["idle RSS".to_owned(), mebibytes(server.resident()?), String::new()]);
    table.row(&["idle CPU".to_owned(), format!("{:.4} % of a core", used * 100.0), String::new()]);
    table.row(&["program".to_owned(), mebibytes(binary().metadata()?.len()), String::new()]);
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "a rough figure")]
fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
