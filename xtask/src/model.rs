//! `cargo xtask model refresh`: AWS's service models, trimmed to what the generator reads.
//!
//! AWS publishes the models inside the `botocore` package (Apache-2.0). Documentation prose, examples and endpoint
//! rules are dropped; paginators and waiters are kept beside the shapes; examples go to a file of their own, for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::codegen::services::{self, Service};
use crate::workspace;

/// What the generator or core may need to know about a shape or a member. All else is dropped.
const KEPT_OF_SHAPES: &[&str] = &[
    "deprecated",
    "document",
    "enum",
    "error",
    "exception",
    "fault",
    "flattened",
    "idempotencyToken",
    "key",
    "location",
    "locationName",
    "max",
    "member",
    "members",
    "min",
    "pattern",
    "required",
    "sensitive",
    "shape",
    "timestampFormat",
    "type",
    "union",
    "value",
];

const KEPT_OF_OPERATIONS: &[&str] = &["errors", "idempotent", "input", "name", "output", "readonly"];

/// Fetches botocore (the newest, or `version`) and rewrites `kecs-model/models`.
///
/// # Errors
/// When `python3` with pip is missing, the package cannot be fetched, or it does not have the expected files.
pub(crate) fn refresh(version: Option<&str>) -> Result<()> {
    let scratch = workspace::root().join("target/model-refresh");
    if scratch.try_exists()? {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let wheel = download(&scratch, version)?;
    let version = wheel_version(&wheel)?;
    let source = json!({
        "package": "botocore",
        "version": version,
        "wheelSha256": sha256(&wheel)?,
        "licence": "Apache-2.0",
    });
    workspace::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&scratch))?;
    for service in services::ALL {
        write_models(service, &scratch, &source)?;
    }
    eprintln!("models of botocore {version}; now run `cargo xtask codegen`");
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

fn download(scratch: &Path, version: Option<&str>) -> Result<PathBuf> {
    let requirement = version.map_or_else(|| "botocore".to_owned(), |version| format!("botocore=={version}"));
    workspace::run(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest"])
            .arg(scratch)
            .arg(requirement),
    )?;
    fs::read_dir(scratch)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip fetched no wheel")
}

fn wheel_version(wheel: &Path) -> Result<String> {
    let name = wheel.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = name.split('-').nth(1).context("the wheel's name has no version")?;
    Ok(version.to_owned())
}

fn sha256(file: &Path) -> Result<String> {
    let printed = workspace::run(Command::new("python3").args(["-m", "pip", "hash", "--algorithm", "sha256"]).arg(file))?;
    let (_, hash) = printed.trim().rsplit_once(':').context("pip hash printed no hash")?;
    Ok(hash.to_owned())
}

fn write_models(service: &Service, scratch: &Path, source: &Value) -> Result<()> {
    let folder = scratch.join("botocore/data").join(service.botocore).join(service.api_version);
    workspace::run(Command::new("python3").args(["-m", "gzip", "-d"]).arg(folder.join("service-2.json.gz")))?;
    let full = read(&folder.join("service-2.json"))?;
    let model = json!({
        "source": source,
        "metadata": full["metadata"],
        "operations": trim_each(&full["operations"], KEPT_OF_OPERATIONS),
        "shapes": trim_each(&full["shapes"], KEPT_OF_SHAPES),
        "pagination": read_optional(&folder.join("paginators-1.json"))?["pagination"],
        "waiters": read_optional(&folder.join("waiters-2.json"))?["waiters"],
    });
    write(&service.model_path(), &model)?;
    let examples = read_optional(&folder.join("examples-1.json"))?;
    write(&service.examples_path(), &trim_examples(&examples["examples"]))
}

/// Trims every entry of a map: of its keys only the `kept` ones stay, at each level but that of member names.
fn trim_each(entries: &Value, kept: &[&str]) -> Value {
    let entries = entries.as_object().into_iter().flatten();
    entries.map(|(name, entry)| (name.clone(), trim(entry, kept))).collect()
}

fn trim(value: &Value, kept: &[&str]) -> Value {
    match value {
        Value::Object(object) => {
            let mut trimmed = Map::new();
            for (key, value) in object.iter().filter(|(key, _)| kept.contains(&key.as_str())) {
                let value = match key.as_str() {
                    "members" => trim_each(value, kept),
                    "error" => value.clone(),
                    "input" | "output" => json!({ "shape": value["shape"] }),
                    "errors" => value.as_array().into_iter().flatten().map(|error| error["shape"].clone()).collect(),
                    _ => trim(value, kept),
                };
                trimmed.insert(key.clone(), value);
            }
            Value::Object(trimmed)
        }
        Value::Array(items) => items.iter().map(|item| trim(item, kept)).collect(),
        scalar => scalar.clone(),
    }
}

/// Keeps what a test needs of the worked examples: what is sent and what comes back.
fn trim_examples(examples: &Value) -> Value {
    let examples = examples.as_object().into_iter().flatten();
    examples
        .map(|(operation, list)| {
            let list = list.as_array().into_iter().flatten();
            let list: Value = list
                .map(|example| json!({ "id": example["id"], "input": example["input"], "output": example["output"] }))
                .collect();
            (operation.clone(), list)
        })
        .collect()
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Reads a file that not every service has; `null` without it.
fn read_optional(path: &Path) -> Result<Value> {
    if path.try_exists()? { read(path) } else { Ok(Value::Null) }
}

fn write(path: &Path, value: &Value) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
