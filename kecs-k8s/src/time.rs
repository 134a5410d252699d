//! Kubernetes' times and ECS's.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kecs_model::Timestamp;

/// What a kubelet or the API server stamped; `None` where it stamped nothing, for which some write the epoch.
pub(crate) fn stamp(time: Option<&Time>) -> Option<Timestamp> {
    let millis = time?.0.as_millisecond();
    (millis > 0).then(|| Timestamp::from_millis(millis))
}

/// A time that much later.
pub(crate) fn after(start: Timestamp, pause: Duration) -> Timestamp {
    Timestamp::from_millis(start.as_millis().saturating_add(millis(pause)))
}

/// How long it is from one time to a later one; nothing where it is not later.
pub(crate) fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(end.as_millis().saturating_sub(start.as_millis())).unwrap_or(0))
}

/// Whole seconds, rounded up: Kubernetes knows no shorter times.
pub(crate) fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
