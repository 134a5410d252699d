//! Error codes: those of every service's model, and those that an AWS front end sends before an operation is reached.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use crate::codegen::names;
use crate::codegen::shapes::Model;

/// Codes of AWS's front ends, with the HTTP status that they send for awsJson. SDKs and the CLI match on these names.
/// "Common Errors" in the API reference has their meaning.
const FRONT_END: &[(&str, u16)] = &[
    ("ExpiredTokenException", 400),
    ("IncompleteSignatureException", 400),
    ("InternalFailure", 500),
    ("InvalidSignatureException", 400),
    ("MissingAuthenticationTokenException", 400),
    ("NotImplemented", 501),
    ("RequestEntityTooLargeException", 413),
    ("RequestExpired", 400),
    ("RequestTimeoutException", 408),
    ("SerializationException", 400),
    ("ServiceUnavailable", 503),
    ("SignatureDoesNotMatch", 403),
    ("ThrottlingException", 400),
    ("UnknownOperationException", 400),
    ("UnrecognizedClientException", 400),
    ("ValidationException", 400),
];

pub(crate) fn error_codes(models: &[Model]) -> Result<String> {
    let mut codes: BTreeMap<&str, u16> = FRONT_END.iter().copied().collect();
    let mut texts = BTreeMap::new();
    for model in models {
        for (code, status) in model.errors() {
            if codes.insert(code, status).is_some_and(|other| other != status) {
                bail!("services do not agree on the HTTP status of {code}");
            }
        }
        texts.extend(model.service().error_texts.iter().copied());
    }
    let mut out = String::from("//! Every error code that KECS can answer.\n\nsuper::error_codes! {\n");
    for (code, status) in codes {
        let variant = code;
        let constructor = names::snake(code.trim_end_matches("Exception"));
        write!(out, "    {variant} = {status}, {constructor}")?;
        match texts.get(code) {
            Some(text) => writeln!(out, " = \"{text}\";")?,
            None => out.push_str(";\n"),
        }
    }
    out.push_str("}\n");
    Ok(out)
}
