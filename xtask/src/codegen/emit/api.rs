//! The operations as a trait.

use std::fmt::Write as _;

use crate::codegen::names;
use crate::codegen::shapes::Model;

pub(super) fn emit(model: &Model) -> String {
    let mut methods = String::new();
    for (name, operation) in &model.operations {
        let method = names::snake(name);
        let (input, output) = (&operation.input.shape, &operation.output.shape);
        let reference = model.service().reference;
        let _ = writeln!(
            methods,
            "    /// [{name}]({reference}API_{name}.html)
    async fn {method}(&self, ctx: &RequestContext, input: {input}) -> Result<{output}, ApiError> {{
        Err(not_served(Operation::{name}))
    }}
"
        );
    }
    format!(
        "//! The operations as a trait.

use std::fmt;

use async_trait::async_trait;

use super::Operation;
use super::types::*;
use crate::{{ApiError, RequestContext}};

/// {service}: one method per operation.
///
/// A method that an implementation leaves out answers that KECS does not serve the operation, see
/// [`ApiError::not_served`]. Inputs arrive as decoded, with required members unchecked: the words with which AWS refuses
/// a missing one differ by operation. `missing_required` of an input names the first one.
#[async_trait]
#[allow(unused_variables, reason = \"what is not served looks at nothing\")]
pub trait {api}: fmt::Debug + Send + Sync + 'static {{
{methods}}}

fn not_served(operation: Operation) -> ApiError {{
    ApiError::not_served(operation.name(), operation.errors())
}}
",
        service = model.metadata.service_full_name,
        api = model.api_trait(),
    )
}
