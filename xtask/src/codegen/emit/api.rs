//! The operations as a trait.

use std::fmt::Write as _;

use crate::codegen::names;
use crate::codegen::shapes::Model;

pub(super) fn emit(model: &Model) -> String {
    let mut methods = String::new();
    for (name, operation) in &model.operations {
        let (method, input, output) = (names::snake(name), &operation.input.shape, &operation.output.shape);
        let _ = writeln!(methods, "    {method}({input}) -> {output} = {name};");
    }
    format!(
        "//! The operations as a trait.

use super::Operation;
use super::types::*;

crate::api_trait::api_trait! {{
    {api}, \"{service}\", \"{reference}\";

{methods}}}
",
        api = model.api_trait(),
        service = model.metadata.service_full_name,
        reference = model.service().reference,
    )
}
