//! Which container instances a DAEMON service is to have a task on.

use std::sync::Arc;

use kecs_model::Timestamp;

use super::{Wish, tasks_on};
use crate::engine::{ContainerInstanceRecord, TaskRecord, World};
use crate::placement::{Constraint, InstanceView};

impl Wish {
    /// Whether the `memberOf` constraints select this instance. What it has left does not count, nor do the tasks of the same group: a task does
    /// not drive itself away.
    pub(crate) fn admits(&self, world: &World, instance: &ContainerInstanceRecord) -> bool {
        let seen = Seen { world, instance, group: &self.request.group };
        self.request.constraints.iter().all(|constraint| match constraint {
            Constraint::MemberOf(expression) => expression.matches(&seen),
            Constraint::DistinctInstance => true,
        })
    }

    /// Whether there are constraints beside those of the task definition.
    pub(crate) fn constrained(&self) -> bool {
        self.constrained
    }
}

/// An instance without the tasks of one group. The others are read only where an expression asks for them.
struct Seen<'a> {
    world: &'a World,
    instance: &'a ContainerInstanceRecord,
    group: &'a str,
}

impl<'a> Seen<'a> {
    fn tasks(&self) -> impl Iterator<Item = &'a Arc<TaskRecord>> {
        tasks_on(self.world, self.instance).filter(|task| task.task.group.as_deref() != Some(self.group))
    }
}

impl InstanceView for Seen<'_> {
    fn agent_connected(&self) -> bool {
        self.instance.instance.agent_connected == Some(true)
    }

    fn agent_version(&self) -> Option<&str> {
        self.instance.instance.version_info.as_ref()?.agent_version.as_deref()
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.instance.attribute(name)
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.instance.instance.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Option<Timestamp> {
        self.instance.instance.registered_at
    }

    fn running_tasks_count(&self) -> u64 {
        self.tasks().filter(|task| task.last_status() == "RUNNING").count() as u64
    }

    fn task_groups(&self) -> Vec<&str> {
        self.tasks().filter_map(|task| task.task.group.as_deref()).collect()
    }
}
