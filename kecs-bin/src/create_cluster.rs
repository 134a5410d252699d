//! `kecs create-cluster`: an ECS cluster, and where it is asked for, a LocalStack of its own.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::running::Server;
use crate::{localstack, terminal};

/// Nothing is waited for but the check of the services.
const PATIENCE: Duration = Duration::from_secs(10);
/// One that was just started is ended.
const ENDING: Duration = Duration::from_mins(1);

/// Creates the cluster in the running kecs; first its LocalStack, so that a service which that lacks leaves nothing behind. It goes again where the cluster
/// is refused.
///
/// # Errors
/// When no kecs runs on the data folder, or it refuses.
pub(crate) fn run(data_dir: &Path, name: &str, services: &[String], json: bool) -> Result<ExitCode, Failure> {
    let server = Server::find(data_dir)?;
    if !services.is_empty() {
        server.post("/_kecs/localstack/clusters", &json!({ "cluster": name, "services": services }), PATIENCE)?;
    }
    let created = server.ecs("CreateCluster", &json!({ "clusterName": name }));
    if created.is_err() && !services.is_empty() {
        // Why there is no cluster is what is to be said.
        let _ = server.post("/_kecs/localstack/remove", &json!({ "cluster": name }), ENDING);
    }
    let answer = created?;
    if !services.is_empty() {
        localstack::follow_start(&server, name)?;
    }
    let cluster: Value = serde_json::from_str(&answer).map_err(crate::bug)?;
    let arn = cluster["cluster"]["clusterArn"].as_str().unwrap_or_default();
    terminal::say(if json { answer.trim_end() } else { arn });
    Ok(ExitCode::SUCCESS)
}
