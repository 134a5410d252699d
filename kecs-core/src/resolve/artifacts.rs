//! The files that a container's labels ask for.

use std::sync::Arc;

use kecs_model::ecs::ContainerDefinition;

use super::{Found, ResolveError};
use crate::ObjectRef;
use crate::task_spec::{Artifact, Checksum};

/// `kecs.io/artifact.<n>`; the files are written in the order of their numbers.
const LABEL: &str = "kecs.io/artifact.";

/// Reads the labels of a container. ECS takes any text for a label, so what cannot be read fails the task and not its definition.
pub(super) fn artifacts(definition: &ContainerDefinition, found: &Found<'_>) -> Result<Vec<Artifact>, ResolveError> {
    let labels = definition.docker_labels.iter().flatten();
    let asked = labels.filter_map(|(label, text)| Some((label, label.strip_prefix(LABEL)?, text)));
    let mut artifacts = asked
        .map(|(label, number, text)| {
            let fail = |why: &str| {
                let name = definition.name.as_deref().unwrap_or_default();
                ResolveError::Artifact(format!("the label {label} of container {name} {why}"))
            };
            let Some(source) = &found.objects else {
                return Err(fail("names a file in Amazon S3, and no AWS services backend is configured"));
            };
            let (Ok(number), Some((object, path, checksum))) = (number.parse(), parse(text)) else {
                return Err(fail(
                    "must be a number, with the value s3://bucket/key => /path, or s3://bucket/key => /path sha256:<64 digits>",
                ));
            };
            let cluster = found.input.record.cluster.clone();
            Ok(Artifact::new(number, path, object, checksum, cluster, Arc::clone(source)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    artifacts.sort_by_key(|artifact| artifact.number);
    Ok(artifacts)
}

/// `s3://bucket/key => /path`, and what the content must be.
fn parse(text: &str) -> Option<(ObjectRef, String, Option<Checksum>)> {
    let (object, rest) = text.split_once(" => ")?;
    let object = ObjectRef::parse(object.trim())?;
    // A last word with a colon is meant as a checksum, also where it is none: as a part of the path nothing would be checked.
    let (path, checksum) = match rest.trim_end().rsplit_once(' ') {
        Some((path, word)) if word.contains(':') && !word.contains('/') => (path, Some(Checksum::parse(word)?)),
        _ => (rest, None),
    };
    let path = path.trim();
    let is_file = path.starts_with('/') && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
    is_file.then(|| (object, path.to_owned(), checksum))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_label_says_what_goes_where() {
        let parsed = |text: &str| {
            let (object, path, checksum) = parse(text)?;
            Some((object.to_string(), path, checksum.map(|checksum| checksum.to_string())))
        };
        // SHA-256 of nothing.
        let digits = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(parsed("s3://b/k => /opt/app"), Some(("s3://b/k".to_owned(), "/opt/app".to_owned(), None)));
        assert_eq!(
            parsed(&format!("arn:aws:s3:::b/a b.jar  =>  /opt/a b.jar sha256:{digits}")),
            Some(("s3://b/a b.jar".to_owned(), "/opt/a b.jar".to_owned(), Some(format!("sha256:{digits}"))))
        );
        let short = format!("s3://b/k => /opt/app sha256:{}", &digits[1..]);
        let capital = format!("s3://b/k => /opt/app SHA256:{digits}");
        for wrong in [
            "",
            "s3://b/k",
            "s3://b/k => ",
            "s3://b/k => opt",
            "s3://b/k => /",
            "s3://b/k => /a/",
            "s3://b/k => /../a",
            "b/k => /a",
            "s3://b/k => /opt/app md5:d41d8cd98f00b204e9800998ecf8427e",
            &capital,
            &short,
        ] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
