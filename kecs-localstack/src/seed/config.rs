//! The form of a seed: the `seed:` of a `localstack:` in `kecs-config.yaml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::SeedValue;

/// What is made at every start. Field names are AWS's in camel case; a key that is not known is refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Seed {
    /// Parameters of Systems Manager.
    pub parameters: Vec<SeedParameter>,
    /// Secrets of Secrets Manager.
    pub secrets: Vec<SeedSecret>,
    /// Buckets of S3.
    pub buckets: Vec<SeedBucket>,
    /// Log groups of CloudWatch Logs.
    pub log_groups: Vec<SeedLogGroup>,
    /// Queues of SQS.
    pub queues: Vec<SeedQueue>,
    /// Topics of SNS.
    pub topics: Vec<SeedTopic>,
    /// Roles of IAM.
    pub roles: Vec<SeedRole>,
    /// Programs of this host, run one after the other when all of the above is there, with `AWS_ENDPOINT_URL`, a region and credentials in
    /// their environment. One that is not executable is run by `sh`. They run at every start, so what they do must bear repetition.
    pub init_scripts: Vec<PathBuf>,
}

/// A parameter of Systems Manager, as PutParameter has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedParameter {
    /// Its name, such as `/app/database-url`.
    pub name: String,
    /// Its value.
    pub value: SeedValue,
    /// `String`, `StringList` or `SecureString`. Default: `String`.
    #[serde(default = "string", rename = "type")]
    pub kind: String,
}

/// A secret of Secrets Manager, as CreateSecret has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedSecret {
    /// Its name.
    pub name: String,
    /// Its value, a text that may be JSON.
    #[serde(alias = "value")]
    pub secret_string: SeedValue,
}

/// A bucket of S3.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedBucket {
    /// Its name.
    pub name: String,
    /// What is in it.
    #[serde(default)]
    pub objects: Vec<SeedObject>,
}

/// An object of a bucket: the content of a file, or a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedObject {
    /// Its key.
    pub key: String,
    /// A file of this host that it is a copy of.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Its content, where there is no file. Default: empty.
    #[serde(default)]
    pub content: String,
}

/// A log group of CloudWatch Logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedLogGroup {
    /// Its name.
    pub name: String,
    /// In days, one of the numbers that PutRetentionPolicy takes. Default: for ever.
    #[serde(default)]
    pub retention_in_days: Option<u32>,
}

/// A queue of SQS, as CreateQueue has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedQueue {
    /// Its name; that of a FIFO queue ends in `.fifo`.
    pub name: String,
    /// Its attributes, such as `VisibilityTimeout`.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A topic of SNS.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedTopic {
    /// Its name.
    pub name: String,
}

/// A role of IAM, as CreateRole has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedRole {
    /// Its name.
    pub name: String,
    /// Who may assume it, as JSON. Default: the tasks of ECS.
    #[serde(default)]
    pub assume_role_policy_document: Option<String>,
    /// Its inline policies, each a name with the policy's JSON.
    #[serde(default)]
    pub policies: BTreeMap<String, String>,
}

fn string() -> String {
    "String".to_owned()
}

impl Seed {
    /// The files of this host that it is made of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let objects = self.buckets.iter().flat_map(|bucket| &bucket.objects);
        objects.filter_map(|object| object.file.as_ref()).chain(&self.init_scripts)
    }

    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let objects = self.buckets.iter_mut().flat_map(|bucket| &mut bucket.objects);
        objects.filter_map(|object| object.file.as_mut()).chain(&mut self.init_scripts)
    }

    /// Whether nothing is to be made.
    pub fn is_empty(&self) -> bool {
        let Self { parameters, secrets, buckets, log_groups, queues, topics, roles, init_scripts } = self;
        parameters.is_empty()
            && secrets.is_empty()
            && buckets.is_empty()
            && log_groups.is_empty()
            && queues.is_empty()
            && topics.is_empty()
            && roles.is_empty()
            && init_scripts.is_empty()
    }
}
