//! The trimmed model, as the generator reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Number, Value};

use super::names;
use super::services::Service;

/// The module of shapes that several groups of operations use.
pub(crate) const SHARED: &str = "shared";
/// So many structures of two groups have a module of their own, lest the shared one becomes too long to read.
const MANY: usize = 8;

/// A service's model, with its configuration.
#[derive(Deserialize)]
pub(crate) struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
    #[serde(default)]
    pub pagination: BTreeMap<String, Value>,
    #[serde(skip)]
    config: Option<&'static Service>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub api_version: String,
    pub protocol: String,
    pub service_full_name: String,
    pub service_id: String,
    pub signing_name: Option<String>,
    pub endpoint_prefix: String,
    pub target_prefix: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Operation {
    pub input: Ref,
    pub output: Ref,
    #[serde(default)]
    pub errors: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Ref {
    pub shape: String,
    #[serde(default)]
    pub deprecated: bool,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(crate) struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    pub members: BTreeMap<String, Ref>,
    pub required: Vec<String>,
    #[serde(rename = "enum")]
    pub values: Vec<String>,
    pub member: Option<Ref>,
    pub value: Option<Ref>,
    pub min: Option<Number>,
    pub max: Option<Number>,
    pub sensitive: bool,
    pub document: bool,
    pub union: bool,
    pub exception: bool,
    pub fault: bool,
    pub error: Option<HttpError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpError {
    pub http_status_code: Option<u16>,
}

/// A structure to emit.
pub(crate) struct Structure<'m> {
    pub name: &'m str,
    pub shape: &'m Shape,
}

impl Model {
    /// Reads a service's trimmed model.
    pub(crate) fn read(service: &'static Service) -> Result<Self> {
        let path = service.model_path();
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; run `cargo xtask model refresh`", path.display()))?;
        let mut model: Self = serde_json::from_str(&text).with_context(|| format!("{} is not a model", path.display()))?;
        model.config = Some(service);
        if model.metadata.protocol != service.protocol.name() {
            bail!("{} speaks {}, not {}", service.module, model.metadata.protocol, service.protocol.name());
        }
        model.check_groups()?;
        Ok(model)
    }

    pub(crate) fn service(&self) -> &'static Service {
        self.config.expect("set by read, the only constructor")
    }

    /// The name of the trait with the operations: `EcsApi`.
    pub(crate) fn api_trait(&self) -> String {
        names::upper_camel(&self.metadata.service_id) + "Api"
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("the model has no shape {name}"))
    }

    /// The group of an operation.
    pub(crate) fn group(&self, operation: &str) -> &'static str {
        let (group, _) = self
            .service()
            .groups
            .iter()
            .find(|(_, operations)| operations.contains(&operation))
            .expect("check_groups found every operation in a group");
        group
    }

    fn check_groups(&self) -> Result<()> {
        let grouped: Vec<&str> = self.service().groups.iter().flat_map(|(_, operations)| operations.iter().copied()).collect();
        if let Some(missing) = self.operations.keys().find(|name| !grouped.contains(&name.as_str())) {
            bail!("operation {missing} is new: put it into a group in xtask/src/codegen/services");
        }
        if let Some(gone) = grouped.iter().find(|name| !self.operations.contains_key(**name)) {
            bail!("operation {gone} of a group is not in the model");
        }
        Ok(())
    }

    /// The shapes that the operations reach, by the module they go to: the group that alone uses them, two groups that have many between them, or
    /// [`SHARED`].
    pub(crate) fn modules(&self) -> Result<BTreeMap<String, Vec<&str>>> {
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, operation) in &self.operations {
            let group = self.group(name);
            for shape in self.reachable([&operation.input, &operation.output])? {
                users.entry(shape).or_default().insert(group);
            }
        }
        let mut used_by: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
        for (shape, groups) in users {
            used_by.entry(groups).or_default().push(shape);
        }
        let mut modules: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (groups, shapes) in used_by {
            let module = match (groups.len(), self.structures(&shapes).len()) {
                (1, _) | (2, MANY..) => groups.into_iter().collect::<Vec<_>>().join(" and ").replace(' ', "_"),
                _ => SHARED.to_owned(),
            };
            modules.entry(module).or_default().extend(shapes);
        }
        for shapes in modules.values_mut() {
            shapes.sort_unstable();
        }
        Ok(modules)
    }

    /// The structures among these shapes. Documents are not: they are any JSON.
    pub(crate) fn structures<'m>(&'m self, names: &[&'m str]) -> Vec<Structure<'m>> {
        let shapes = names.iter().map(|&name| Structure { name, shape: &self.shapes[name] });
        shapes.filter(|it| it.shape.kind == "structure" && !it.shape.document).collect()
    }

    /// Names of the shapes that operations receive.
    pub(crate) fn inputs(&self) -> Result<BTreeSet<&str>> {
        self.reachable(self.operations.values().map(|operation| &operation.input))
    }

    fn reachable<'m>(&'m self, roots: impl IntoIterator<Item = &'m Ref>) -> Result<BTreeSet<&'m str>> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = roots.into_iter().map(|root| root.shape.as_str()).collect();
        while let Some(name) = open.pop() {
            if found.insert(name) {
                let shape = self.shape(name)?;
                let members = shape.members.values().chain(&shape.member).chain(&shape.value);
                open.extend(members.map(|member| member.shape.as_str()));
            }
        }
        Ok(found)
    }

    /// The Rust type of a shape.
    pub(crate) fn rust_type(&self, name: &str) -> Result<String> {
        let shape = self.shape(name)?;
        let inner = |inner: &Option<Ref>| {
            let inner = inner.as_ref().with_context(|| format!("{name} does not say what it contains"))?;
            self.rust_type(&inner.shape)
        };
        Ok(match shape.kind.as_str() {
            "string" if shape.values.is_empty() => "String".to_owned(),
            "structure" if shape.document => "serde_json::Value".to_owned(),
            "string" | "structure" => name.to_owned(),
            "integer" => "i32".to_owned(),
            "long" => "i64".to_owned(),
            "double" => "f64".to_owned(),
            "boolean" => "bool".to_owned(),
            "timestamp" => "Timestamp".to_owned(),
            "list" => format!("Vec<{}>", inner(&shape.member)?),
            "map" => format!("BTreeMap<String, {}>", inner(&shape.value)?),
            other => bail!("{name} is a {other}, which no service had so far"),
        })
    }

    /// Why a member must not be shown by `Debug`, if it must not.
    pub(crate) fn redaction(&self, structure: &str, member: &str, shape: &str) -> Result<Option<&'static str>> {
        let patched = self.service().redacted.iter().find(|(s, m, _)| (*s, *m) == (structure, member));
        if let Some((_, _, reason)) = patched {
            return Ok(Some(reason));
        }
        Ok(self.shape(shape)?.sensitive.then_some("sensitive in AWS's model"))
    }

    /// The error shapes and the HTTP status of each, as the model has it.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&str, u16)> {
        self.shapes.iter().filter(|(_, shape)| shape.exception).map(|(name, shape)| {
            let stated = shape.error.as_ref().and_then(|error| error.http_status_code);
            (name.as_str(), stated.unwrap_or(if shape.fault { 500 } else { 400 }))
        })
    }
}
