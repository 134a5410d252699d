//! What every service gets, whatever its protocol.

mod api;
mod enums;
mod errors;
mod operations;
mod types;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;

pub(super) use errors::error_codes;

use super::shapes::Model;

/// The generated files of a service, by path below `kecs-model/src`, not formatted yet.
pub(super) fn service(model: &Model) -> Result<Vec<(PathBuf, String)>> {
    let root = PathBuf::from(model.service().module);
    let mut files = vec![
        (root.with_extension("rs"), module(model)),
        (root.join("api.rs"), api::emit(model)),
        (root.join("dispatch.rs"), dispatch(model)),
        (root.join("operations.rs"), operations::emit(model)?),
    ];
    files.extend(enums::emit(model)?.into_iter().map(|(path, text)| (root.join(path), text)));
    files.extend(types::emit(model)?.into_iter().map(|(path, text)| (root.join(path), text)));
    Ok(files)
}

fn module(model: &Model) -> String {
    let metadata = &model.metadata;
    let signing_name = metadata.signing_name.as_ref().unwrap_or(&metadata.endpoint_prefix);
    let target_prefix = metadata.target_prefix.as_ref().map_or_else(String::new, |prefix| {
        format!("/// What precedes the operation's name in the `X-Amz-Target` header, before a full stop.\npub const TARGET_PREFIX: &str = \"{prefix}\";\n")
    });
    format!(
        "//! {name} ({version}): shapes, operations and dispatch.
//!
//! Begin with [`{api}`], the operations as a trait, [`Operation`], their table, and [`dispatch`], which joins the two to
//! bytes. The other items are the shapes, named as in [AWS's reference]({reference}).

#[allow(clippy::wildcard_imports, reason = \"it names the input and output of every operation\")]
mod api;
mod dispatch;
mod enums;
mod operations;
#[allow(missing_docs, reason = \"members are described in the reference that each shape links to\")]
#[allow(clippy::wildcard_imports, unused_imports, reason = \"shapes refer to each other across files\")]
mod types;
#[allow(clippy::wildcard_imports, reason = \"a file names most shapes of its group\")]
mod wire;

pub use api::{api};
pub use dispatch::dispatch;
pub use enums::*;
pub use operations::Operation;
pub use types::*;

/// The version of the API.
pub const API_VERSION: &str = \"{version}\";
/// The service's name in a SigV4 credential scope and in endpoints.
pub const SIGNING_NAME: &str = \"{signing_name}\";
{target_prefix}",
        name = metadata.service_full_name,
        version = metadata.api_version,
        api = model.api_trait(),
        reference = model.service().reference,
    )
}

fn dispatch(model: &Model) -> String {
    format!("//! From a request's bytes to a response's.\n\n{}", model.service().protocol.dispatch(model))
}

/// A module that gathers others: their declarations, and their items if they have any.
fn gather(doc: &str, modules: &[String], items: bool) -> String {
    let mut out = format!("//! {doc}\n\n");
    for module in modules {
        let _ = writeln!(out, "mod {module};");
    }
    if items {
        out.push('\n');
        for module in modules {
            let _ = writeln!(out, "pub use {module}::*;");
        }
    }
    out
}
