//! Which AWS services KECS has to do with itself.

/// What KECS is to answer itself one day. Until then nobody does: LocalStack would only ask for a licence.
const NOT_YET: [&str; 3] = ["elasticloadbalancing", "servicediscovery", "application-autoscaling"];
/// What KECS passes on and takes part in: it runs the ECS tasks of rules, of schedules and of what CloudFormation makes.
const TAKES_PART: [&str; 3] = ["events", "scheduler", "cloudformation"];

/// Whether it is to be answered by KECS, and is not yet.
pub(crate) fn is_not_yet(service: &str) -> bool {
    NOT_YET.contains(&service)
}

/// Whether a call must reach KECS, whoever answers it in the end.
pub(crate) fn goes_to_kecs(service: &str) -> bool {
    service == "ecs" || is_not_yet(service) || TAKES_PART.contains(&service)
}
