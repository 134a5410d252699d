//! What tests of backends need: specifications in one line, and the conformance kits of the seams.
//!
//! Behind the feature `testing`.

pub mod aws_service;
mod faults;
mod spec;
pub mod state_store;
pub mod task_manager;

pub use faults::FailEvery;
pub use spec::{ContainerBuilder, container, spec, spec_for, task_ref};
