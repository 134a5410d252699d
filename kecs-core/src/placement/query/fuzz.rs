//! A door for fuzzers and property tests.

use kecs_model::Timestamp;

use super::{Expression, InstanceView};

/// Parses anything and, where it is an expression, asks it about an instance that has everything and one that has nothing: the target for
/// fuzzing. Whatever the bytes, it returns.
pub fn fuzz(bytes: &[u8]) {
    if let Ok(expression) = Expression::parse(&String::from_utf8_lossy(bytes)) {
        let instances: [&dyn InstanceView; 2] = [&Full, &Empty];
        for instance in instances {
            std::hint::black_box(expression.matches(instance));
        }
    }
}

/// Has everything.
struct Full;

/// Has nothing.
struct Empty;

impl InstanceView for Full {
    fn agent_connected(&self) -> bool {
        true
    }

    fn agent_version(&self) -> Option<&str> {
        Some("1.14.5")
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        Some(if name.len().is_multiple_of(2) { "t2.small" } else { "17" })
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        Some("i-abcd1234")
    }

    fn registered_at(&self) -> Option<Timestamp> {
        Some(Timestamp::from_millis(1_529_360_908_000))
    }

    fn running_tasks_count(&self) -> u64 {
        u64::MAX
    }

    fn task_groups(&self) -> Vec<&str> {
        vec!["service:production", "family:web"]
    }
}

impl InstanceView for Empty {
    fn agent_connected(&self) -> bool {
        false
    }

    fn agent_version(&self) -> Option<&str> {
        None
    }

    fn attribute(&self, _name: &str) -> Option<&str> {
        None
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        None
    }

    fn registered_at(&self) -> Option<Timestamp> {
        None
    }

    fn running_tasks_count(&self) -> u64 {
        0
    }

    fn task_groups(&self) -> Vec<&str> {
        Vec::new()
    }
}
