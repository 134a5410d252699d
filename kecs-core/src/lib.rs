//! Amazon ECS semantics and the seams that backends implement.
