//! The table of operations: an invocation of `operations!`, which kecs-model defines.

use std::fmt::Write as _;

use anyhow::Result;

use crate::codegen::shapes::Model;

/// As wide as rustfmt lets code be; it does not touch a macro's input.
const WIDTH: usize = 132;

pub(super) fn emit(model: &Model) -> Result<String> {
    let mut out = String::from("//! The operations, with what the model says about each.\n\ncrate::operation::operations! {\n");
    for (name, operation) in &model.operations {
        let paginated = if model.pagination.contains_key(name) { " paginated" } else { "" };
        writeln!(out, "    {name} in \"{}\"{paginated} [", model.group(name))?;
        let mut line = String::from("       ");
        for error in &operation.errors {
            if line.len() + 1 + error.len() > WIDTH {
                writeln!(out, "{line}")?;
                line.truncate(7);
            }
            write!(line, " {error}")?;
        }
        writeln!(out, "{line}\n    ];")?;
    }
    out.push_str("}\n");
    Ok(out)
}
