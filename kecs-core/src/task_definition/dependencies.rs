//! Which container waits for which.

use std::collections::HashMap;

use kecs_model::ApiError;
use kecs_model::ecs::ContainerCondition;

use super::{Subject, is_essential, list, name, refuse, text};

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    for container in subject.containers {
        for dependency in list(container.depends_on.as_ref()) {
            let wanted = text(dependency.container_name.as_ref());
            let Some(target) = subject.container(wanted) else {
                return refuse(format!("Cannot depend on container + '{wanted}' because it does not exist"));
            };
            match &dependency.condition {
                Some(ContainerCondition::Start) => {}
                Some(ContainerCondition::Complete | ContainerCondition::Success) => {
                    if is_essential(target) {
                        return refuse(
                            "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
                        );
                    }
                }
                Some(ContainerCondition::Healthy) => {
                    if target.health_check.is_none() {
                        return refuse("A dependency container with HEALTHY condition must have health check configured");
                    }
                }
                // Our wording.
                Some(ContainerCondition::Unrecognized(_)) | None => {
                    return refuse(format!(
                        "Invalid 'dependsOn' setting for container '{}'. The condition must be one of [{}]",
                        name(container),
                        ContainerCondition::VALUES.join(",")
                    ));
                }
            }
        }
    }
    let edges = |of: &str| {
        let container = subject.containers.iter().find(|container| name(container) == of);
        let dependencies = container.into_iter().flat_map(|container| list(container.depends_on.as_ref()));
        dependencies.map(|dependency| text(dependency.container_name.as_ref())).collect()
    };
    if has_cycle(subject, edges) {
        // Our wording, after that of links.
        return refuse("Container dependencies should not have a cycle");
    }
    Ok(())
}

/// Whether following `edges` from some container leads back to it.
pub(super) fn has_cycle<'a>(subject: &Subject<'a>, edges: impl Fn(&str) -> Vec<&'a str>) -> bool {
    /// Containers on the path that is being followed are `false`, those that lead to no cycle `true`.
    fn leads_back<'a>(from: &'a str, edges: &impl Fn(&str) -> Vec<&'a str>, seen: &mut HashMap<&'a str, bool>) -> bool {
        match seen.get(from) {
            Some(done) => return !done,
            None => seen.insert(from, false),
        };
        // At most ten containers: the recursion is no deeper.
        let found = edges(from).into_iter().any(|to| leads_back(to, edges, seen));
        seen.insert(from, true);
        found
    }
    let mut seen = HashMap::new();
    subject.containers.iter().any(|container| leads_back(name(container), &edges, &mut seen))
}
