//! awsJson1_0 and awsJson1_1: a JSON document each way, the operation in `X-Amz-Target`.

use std::fmt::Write as _;

use anyhow::Result;

use super::Protocol;
use crate::codegen::names;
use crate::codegen::shapes::{Model, Structure};

/// The protocol that botocore calls `json`.
pub(crate) struct AwsJson;

impl Protocol for AwsJson {
    fn name(&self) -> &'static str {
        "json"
    }

    fn codec(&self, structures: &[Structure<'_>]) -> Result<String> {
        let mut out = String::from("crate::aws_json::json_shapes! {\n");
        for structure in structures {
            writeln!(out, "    {} {{", structure.name)?;
            for wire in structure.shape.members.keys() {
                writeln!(out, "        {}: \"{wire}\",", names::field(wire))?;
            }
            out.push_str("    }\n");
        }
        out.push_str("}\n");
        Ok(out)
    }

    fn dispatch(&self, model: &Model) -> String {
        let api = model.api_trait();
        let mut out = format!(
            "use super::{{{api}, Operation}};
use crate::aws_json::{{decode, encode}};
use crate::{{ApiError, RequestContext}};

/// Decodes a request's body, calls the operation and encodes its answer.
///
/// An empty body counts as `{{}}`. The error is the operation's own, or `SerializationException` when the body does not
/// fit the operation's input. Dropping the future drops the call; what that undoes is the implementation's to say.
pub async fn dispatch(
    api: &dyn {api},
    ctx: &RequestContext,
    operation: Operation,
    body: &[u8],
) -> Result<Vec<u8>, ApiError> {{
    match operation {{
"
        );
        for name in model.operations.keys() {
            let method = names::snake(name);
            let _ = writeln!(out, "        Operation::{name} => encode(&api.{method}(ctx, decode(body)?).await?),");
        }
        out.push_str("    }\n}\n");
        out
    }
}
