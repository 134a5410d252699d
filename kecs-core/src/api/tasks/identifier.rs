//! How requests name a task, and a resource of a cluster in general.

use kecs_model::ApiError;

use crate::arn::Arn;
use crate::{Scope, TaskId};

/// The id in what a request says of a task: an id, or an ARN of this cluster (in the old format, without a cluster). `None` for what is well
/// formed and no task of ours.
///
/// # Errors
///
/// What can name no task of this cluster at all.
pub(super) fn task_id(scope: &Scope, cluster: &str, named: &str) -> Result<Option<TaskId>, ApiError> {
    // "taskId longer than 36.": sil-org/ecs-deploy#43.
    task_id_called("taskId", scope, cluster, named)
}

/// The same for an operation that calls its parameter so.
pub(super) fn task_id_called(parameter: &str, scope: &Scope, cluster: &str, named: &str) -> Result<Option<TaskId>, ApiError> {
    match within_cluster(scope, cluster, "task", named) {
        Ok(Some(id)) => well_formed(parameter, id),
        Ok(None) => Ok(None),
        // "Task Identifier is invalid": aws/aws-sdk-js#1466.
        Err(NotHere::Malformed) => Err(ApiError::invalid_parameter("Task Identifier is invalid")),
        Err(NotHere::OtherCluster(error)) => Err(error),
    }
}

fn well_formed(parameter: &str, id: &str) -> Result<Option<TaskId>, ApiError> {
    // An id of 36 characters is one of the old format, with hyphens: none of ours, but no mistake.
    if !matches!(id.len(), 32 | 36) {
        // ExecuteCommand says "task length should be one of [32,36]" (aws/aws-cli#10057).
        return Err(ApiError::invalid_parameter(format!("{parameter} length should be one of [32,36]")));
    }
    Ok(id.parse().ok())
}

/// Why a text names nothing in a cluster.
pub(super) enum NotHere {
    /// An ARN, but of another kind of resource.
    Malformed,
    /// An ARN of another cluster, with AWS's answer to it.
    OtherCluster(ApiError),
}

/// The id or name in what a request says of a resource of a cluster: itself, or in an ARN of this cluster (in the old format, without a
/// cluster). `None` for an ARN of another account or region, where nothing of ours can be.
pub(super) fn within_cluster<'a>(scope: &Scope, cluster: &str, kind: &str, named: &'a str) -> Result<Option<&'a str>, NotHere> {
    let Some(arn) = Arn::parse(named) else { return Ok(Some(named)) };
    let (actual, path) = arn.resource.split_once('/').ok_or(NotHere::Malformed)?;
    if arn.service != "ecs" || actual != kind {
        return Err(NotHere::Malformed);
    }
    if arn.ecs_resource(scope).is_none() {
        return Ok(None);
    }
    match path.split_once('/') {
        None => Ok(Some(path)),
        Some((of, id)) if of == cluster => Ok(Some(id)),
        // aws/aws-toolkit-vscode#2915 has the text.
        Some((of, _)) => Err(NotHere::OtherCluster(ApiError::invalid_parameter(format!(
            "Invalid identifier: Identifier is for cluster {of}. Your cluster is {cluster}"
        )))),
    }
}
