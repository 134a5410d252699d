//! What a task wants of its place: needs, constraints, strategies.

use std::sync::Arc;

use kecs_model::ApiError;
use kecs_model::ecs::{
    PlacementConstraint, PlacementConstraintType, PlacementStrategy, PlacementStrategyType, TaskDefinition,
    TaskDefinitionPlacementConstraintType, TaskOverride,
};

use super::Capacity;
use super::needs::needs;
use crate::placement::{Constraint, Expression, PlacementRequest, Strategy};

/// "You can specify a maximum of 10 constraints for each task" (RunTask), "a maximum of 5 strategy rules" (RunTask).
const MOST_CONSTRAINTS: usize = 10;
const MOST_STRATEGIES: usize = 5;

/// What a task wants of its place.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(super) request: PlacementRequest,
    /// Whether the request, not only the definition, has constraints: these need container instances.
    pub(super) constrained: bool,
}

/// The constraints and strategies of a request, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preferences {
    constraints: Vec<Constraint>,
    strategies: Vec<Strategy>,
}

impl Preferences {
    /// Reads them, for tasks that go to `capacity`, where that is known. `default` is the strategy where none is given.
    pub(crate) fn new(
        capacity: Option<&Capacity>,
        constraints: Option<&[PlacementConstraint]>,
        strategies: Option<&[PlacementStrategy]>,
        default: Strategy,
    ) -> Result<Self, ApiError> {
        let (constraints, strategies) = (constraints.unwrap_or_default(), strategies.unwrap_or_default());
        if capacity.is_some_and(Capacity::on_fargate) {
            // GetSimpl/cloudlift#138 has the text for constraints; that for strategies is ours, after it.
            for (what, given) in [("constraints", !constraints.is_empty()), ("strategies", !strategies.is_empty())] {
                if given {
                    let message = format!("Placement {what} are not supported with FARGATE launch type.");
                    return Err(ApiError::invalid_parameter(message));
                }
            }
        }
        if constraints.len() > MOST_CONSTRAINTS {
            // Our wording, after that for strategies.
            return Err(ApiError::invalid_parameter("Maximum number of constraints is 10."));
        }
        if strategies.len() > MOST_STRATEGIES {
            // `pf-ecs-svc-placement-strategies-max6` of badmintoncryer/cdk-preflight has the text.
            return Err(ApiError::invalid_parameter("Maximum number of strategies is 5."));
        }
        let constraints = constraints.iter().map(constraint).collect::<Result<_, _>>()?;
        let mut strategies = strategies.iter().map(strategy).collect::<Result<Vec<_>, _>>()?;
        if strategies.is_empty() {
            strategies.push(default);
        }
        Ok(Self { constraints, strategies })
    }
}

impl Wish {
    /// The wish of a task of this definition and group.
    pub(crate) fn new(
        definition: &TaskDefinition,
        overrides: &TaskOverride,
        group: &str,
        preferences: &Preferences,
    ) -> Result<Self, ApiError> {
        let mut constraints = preferences.constraints.clone();
        for constraint in definition.placement_constraints.iter().flatten() {
            match constraint.r#type {
                Some(TaskDefinitionPlacementConstraintType::MemberOf) => {
                    constraints.push(member_of(constraint.expression.as_deref())?);
                }
                _ => return Err(ApiError::invalid_parameter("Invalid placement constraint type.")),
            }
        }
        let required = definition.requires_attributes.iter().flatten();
        Ok(Self {
            constrained: !preferences.constraints.is_empty(),
            request: PlacementRequest {
                needs: needs(definition, overrides),
                required_attributes: required.filter_map(|it| Some((it.name.clone()?, it.value.clone()))).collect(),
                constraints,
                strategies: preferences.strategies.clone(),
                group: group.to_owned(),
            },
        })
    }
}

fn constraint(wire: &PlacementConstraint) -> Result<Constraint, ApiError> {
    match wire.r#type {
        Some(PlacementConstraintType::DistinctInstance) if wire.expression.is_some() => {
            // hashicorp/terraform#11471 has the text.
            Err(ApiError::invalid_parameter("distinctInstance expression should not be specified."))
        }
        Some(PlacementConstraintType::DistinctInstance) => Ok(Constraint::DistinctInstance),
        Some(PlacementConstraintType::MemberOf) => member_of(wire.expression.as_deref()),
        _ => Err(ApiError::invalid_parameter("Placement constraint type should be one of [distinctInstance,memberOf]")),
    }
}

/// The words are ours: those of AWS could not be found in any public place.
fn member_of(expression: Option<&str>) -> Result<Constraint, ApiError> {
    let text = expression.ok_or_else(|| ApiError::invalid_parameter("A memberOf placement constraint must have an expression."))?;
    let expression = Expression::parse(text)
        .map_err(|error| ApiError::invalid_parameter(format!("Invalid placement constraint expression: {error}.")))?;
    Ok(Constraint::MemberOf(Arc::new(expression)))
}

fn strategy(wire: &PlacementStrategy) -> Result<Strategy, ApiError> {
    let name = wire.r#type.as_ref().map(PlacementStrategyType::as_str).unwrap_or_default();
    Strategy::from_request(name, wire.field.as_deref()).ok_or_else(|| {
        let field = wire.field.as_deref().unwrap_or_default();
        match name {
            // `pf-ecs-svc-binpack-field` of badmintoncryer/cdk-preflight has the text for binpack; that for spread is ours, after it.
            "binpack" | "spread" => ApiError::invalid_parameter(format!("{name} field '{field}' is invalid.")),
            // Our wording, after that for constraints.
            _ => ApiError::invalid_parameter("Placement strategy type should be one of [random,spread,binpack]"),
        }
    })
}
