//! Placement constraints of the definition itself.

use kecs_model::ApiError;
use kecs_model::ecs::TaskDefinitionPlacementConstraintType;

use super::{Subject, list, refuse, text};
use crate::placement::Expression;

/// "You can specify a maximum of 10 constraints for each task" (RegisterTaskDefinition).
const MOST_CONSTRAINTS: usize = 10;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), ApiError> {
    let constraints = list(subject.input.placement_constraints.as_ref());
    if constraints.len() > MOST_CONSTRAINTS {
        // Our wording.
        return refuse(format!("Too many placement constraints. The maximum is {MOST_CONSTRAINTS}."));
    }
    for constraint in constraints {
        match &constraint.r#type {
            Some(TaskDefinitionPlacementConstraintType::MemberOf) => {}
            // aws/aws-cdk#25905 has the text.
            Some(other) => return refuse(format!("constraint.type '{other}' is not supported.")),
            // Our wording.
            None => return refuse("constraint.type must be one of [memberOf]"),
        }
        let expression = text(constraint.expression.as_ref());
        if let Err(error) = Expression::parse(expression) {
            // AWS's text begins so; its end, the reason, is ours.
            return refuse(format!("constraint.expression '{expression}' is invalid: {error}."));
        }
    }
    Ok(())
}
