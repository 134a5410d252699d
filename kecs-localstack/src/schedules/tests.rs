//! Schedules on a backend that is played: when ECS is asked for tasks, and for which.

mod failures;
mod life;
mod requests;
mod world;
