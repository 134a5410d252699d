//! Structures: their Rust types, their codec, their required members.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

use super::gather;
use crate::codegen::names;
use crate::codegen::shapes::{Model, SHARED, Structure};

pub(super) fn emit(model: &Model) -> Result<Vec<(PathBuf, String)>> {
    let inputs = model.inputs()?;
    let mut files = Vec::new();
    let mut modules = Vec::new();
    for (module, shapes) in model.modules()? {
        let structures = model.structures(&shapes);
        if structures.is_empty() {
            continue;
        }
        let subject = if module == SHARED {
            "Structures that several groups of operations use".to_owned()
        } else {
            format!("Structures of the operations on {}", module.replace('_', " "))
        };
        let mut text = String::new();
        for structure in &structures {
            structure_type(model, structure, &mut text)?;
        }
        let required = required_members(structures.iter().filter(|it| inputs.contains(it.name)))?;
        files.push((PathBuf::from(format!("types/{module}.rs")), format!("//! {subject}.\n\n{}{text}{required}", imports(&text))));
        let codec = model.service().protocol.codec(&structures)?;
        let codec = format!("//! {subject}: names on the wire.\n\nuse super::super::types::*;\n\n{codec}");
        files.push((PathBuf::from(format!("wire/{module}.rs")), codec));
        modules.push(module);
    }
    files.push((PathBuf::from("types.rs"), gather("Structures, by the operations that use them.", &modules, true)));
    files.push((PathBuf::from("wire.rs"), gather("How structures are read and written.", &modules, false)));
    Ok(files)
}

fn imports(text: &str) -> String {
    let mut out = String::new();
    if text.contains("BTreeMap<") {
        out.push_str("use std::collections::BTreeMap;\n");
    }
    if text.contains("fmt::Formatter") {
        out.push_str("use std::fmt;\n");
    }
    out.push_str("\nuse super::super::{enums::*, types::*};\n");
    if text.contains("Redacted(") {
        out.push_str("use crate::redacted::Redacted;\n");
    }
    if text.contains("Timestamp>") {
        out.push_str("use crate::Timestamp;\n");
    }
    out.push('\n');
    out
}

fn structure_type(model: &Model, structure: &Structure<'_>, out: &mut String) -> Result<()> {
    let name = structure.name;
    let mut redacted = Vec::new();
    let mut members = String::new();
    for (wire, member) in &structure.shape.members {
        let rust = names::field(wire);
        let target = model.shape(&member.shape)?;
        let mut facts = Vec::new();
        if structure.shape.required.contains(wire) {
            facts.push("Required.".to_owned());
        }
        if let Some(range) = range(target.min.as_ref(), target.max.as_ref(), &target.kind) {
            facts.push(range);
        }
        if member.deprecated || target.document {
            facts.push(if member.deprecated { "Deprecated by AWS." } else { "Any JSON." }.to_owned());
        }
        if let Some(reason) = model.redaction(name, wire, &member.shape)? {
            facts.push(format!("Not shown by `Debug`: {reason}."));
            redacted.push(wire);
        }
        if !facts.is_empty() {
            writeln!(members, "    /// {}", facts.join(" "))?;
        }
        writeln!(members, "    pub {rust}: Option<{}>,", model.rust_type(&member.shape)?)?;
    }
    writeln!(out, "/// {}", about(model, structure))?;
    let debug = if redacted.is_empty() { "Debug, " } else { "" };
    writeln!(out, "#[derive(Clone, {debug}Default, PartialEq)]\npub struct {name} {{\n{members}}}\n")?;
    if !redacted.is_empty() {
        let fields: String = structure.shape.members.keys().fold(String::new(), |mut fields, wire| {
            let rust = names::field(wire);
            let value = if redacted.contains(&wire) { format!("Redacted(self.{rust}.is_some())") } else { format!("self.{rust}") };
            let _ = write!(fields, ".field(\"{}\", &{value})", rust.trim_start_matches("r#"));
            fields
        });
        writeln!(
            out,
            "impl fmt::Debug for {name} {{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{
        f.debug_struct(\"{name}\"){fields}.finish()
    }}
}}
"
        )?;
    }
    Ok(())
}

/// What the structure is, with the page that AWS has about it: an operation's input and output are on the operation's.
fn about(model: &Model, structure: &Structure<'_>) -> String {
    let name = structure.name;
    let link = |page: &str| format!("[{page}]({}API_{page}.html)", model.service().reference);
    for (operation, shapes) in &model.operations {
        if shapes.input.shape == name {
            return format!("The input of {}.", link(operation));
        }
        if shapes.output.shape == name {
            return format!("The output of {}.", link(operation));
        }
    }
    let union = if structure.shape.union { ", a union: exactly one member is set" } else { "" };
    format!("{}{union}.", link(name))
}

fn range(min: Option<&serde_json::Number>, max: Option<&serde_json::Number>, kind: &str) -> Option<String> {
    let what = match kind {
        "string" => " characters",
        "list" => " items",
        _ => "",
    };
    match (min, max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max}{what}.")),
        (Some(min), None) => Some(format!("At least {min}{what}.")),
        (None, Some(max)) => Some(format!("At most {max}{what}.")),
        (None, None) => None,
    }
}

fn required_members<'s, 'm: 's>(structures: impl Iterator<Item = &'s Structure<'m>>) -> Result<String> {
    let mut entries = String::new();
    for structure in structures.filter(|it| !it.shape.required.is_empty()) {
        write!(entries, "    {} {{", structure.name)?;
        for (at, wire) in structure.shape.required.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(entries, "{comma} {}: \"{wire}\"", names::field(wire))?;
        }
        entries.push_str(" }\n");
    }
    Ok(if entries.is_empty() { entries } else { format!("crate::required::required_members! {{\n{entries}}}\n") })
}
