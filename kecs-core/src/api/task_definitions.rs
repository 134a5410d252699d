//! Task definitions.

mod delete;
mod deregister;
mod describe;
mod list;
mod register;

pub(super) use delete::delete_task_definitions;
pub(super) use deregister::deregister_task_definition;
pub(super) use describe::describe_task_definition;
pub(super) use list::{list_task_definition_families, list_task_definitions};
pub(super) use register::register_task_definition;
