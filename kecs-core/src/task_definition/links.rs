//! Links between containers of the bridge network mode.

use kecs_model::ApiError;

use super::{Subject, dependencies, list, name, refuse};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    for container in subject.containers {
        for link in list(container.links.as_ref()) {
            let target = target(link);
            if subject.container(target).is_none() {
                // Our wording, after that of volumesFrom.
                return refuse(format!("Invalid 'links' setting. Unknown container: '{target}'."));
            }
        }
    }
    let edges = |of: &str| {
        let container = subject.containers.iter().find(|container| name(container) == of);
        container.into_iter().flat_map(|container| list(container.links.as_ref())).map(|link| target(link)).collect()
    };
    if dependencies::has_cycle(subject, edges) {
        return refuse("Container links should not have a cycle");
    }
    Ok(())
}

/// "The name:internalName construct is analogous to name:alias in Docker links."
fn target(link: &str) -> &str {
    link.split_once(':').map_or(link, |(name, _)| name)
}
