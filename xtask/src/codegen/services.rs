//! The services that KECS answers itself, and what the generator must know of each beyond its model.

mod ecs;

use std::path::PathBuf;

use super::protocol::{AwsJson, Protocol};
use crate::workspace;

/// Every service that has generated code. To add one: a module beside `ecs`, an entry here, a model refresh.
pub(crate) static ALL: &[Service] = &[ecs::SERVICE];

/// A service to generate code for.
pub(crate) struct Service {
    /// The module's name in kecs-model, and the stem of the model's file.
    pub module: &'static str,
    /// The folder of the service in botocore's data.
    pub botocore: &'static str,
    /// The version of the API, also a folder name there.
    pub api_version: &'static str,
    /// How its messages look on the wire.
    pub protocol: &'static dyn Protocol,
    /// Where AWS documents the operations and shapes; `API_<Name>.html` is appended.
    pub reference: &'static str,
    /// Operations by subject. Files and tables follow this division; each operation is in exactly one group.
    pub groups: &'static [(&'static str, &'static [&'static str])],
    /// Members that `Debug` must not show although the model does not call them sensitive: shape, member, reason.
    pub redacted: &'static [(&'static str, &'static str, &'static str)],
    /// Error codes for which AWS always sends the same text.
    pub error_texts: &'static [(&'static str, &'static str)],
}

impl Service {
    /// The trimmed model that the generator reads.
    pub(crate) fn model_path(&self) -> PathBuf {
        workspace::root().join(format!("kecs-model/models/{}.json", self.module))
    }

    /// AWS's worked examples, which tests read.
    pub(crate) fn examples_path(&self) -> PathBuf {
        workspace::root().join(format!("kecs-model/models/{}.examples.json", self.module))
    }
}

static AWS_JSON: AwsJson = AwsJson;
