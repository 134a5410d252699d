//! Open enums, one file: invocations of `open_enums!`, which kecs-model defines.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::gather;
use crate::codegen::names;
use crate::codegen::shapes::{Model, SHARED};

pub(super) fn emit(model: &Model) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    let mut modules = Vec::new();
    for (module, shapes) in model.modules()? {
        let mut entries = String::new();
        for name in shapes {
            let values = &model.shape(name)?.values;
            if values.is_empty() {
                continue;
            }
            writeln!(entries, "    {name} {{")?;
            let mut variants = BTreeSet::from(["Unrecognized".to_owned()]);
            for value in values {
                let variant = names::upper_camel(value);
                writeln!(entries, "        {variant} = \"{value}\",")?;
                if !variants.insert(variant) {
                    bail!("two values of {name} would have the same Rust name as {value}");
                }
            }
            entries.push_str("    }\n");
        }
        if entries.is_empty() {
            continue;
        }
        let subject = if module == SHARED {
            "Enums that several groups of operations use.".to_owned()
        } else {
            format!("Enums of the operations on {}.", module.replace('_', " "))
        };
        let text = format!("//! {subject}\n\ncrate::open_enum::open_enums! {{\n{entries}}}\n");
        files.push((PathBuf::from(format!("enums/{module}.rs")), text));
        modules.push(module);
    }
    files.push((PathBuf::from("enums.rs"), gather("Enums, by the operations that use them.", &modules, true)));
    Ok(files)
}
