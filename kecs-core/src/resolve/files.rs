//! The environment files that a task's containers name, read before it starts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::try_join_all;

use crate::{BackendError, ClusterRef, ErrorKind, ObjectRef, ObjectSource, Report};

/// How large a file may be. ECS has no limit; what a process can be given as its environment is about this.
const MOST_BYTES: usize = 1024 * 1024;
/// How often a source that cannot be asked is asked again.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// An environment file could not be read. The text is ECS's `stoppedReason`, in the form that its users report ("failed to download env files:
/// service call has been retried 1 time(s): operation error S3: HeadObject, …"), with the source's words for what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("ResourceInitializationError: failed to download env files: {0}")]
pub(crate) struct FileFailure(String);

/// The variables of each file, by the file's ARN.
pub(super) type EnvironmentFiles = HashMap<String, Vec<(String, String)>>;

/// Reads each file once, side by side.
pub(super) async fn read(
    cluster: &ClusterRef,
    mut arns: Vec<&str>,
    source: Option<&Arc<dyn ObjectSource>>,
) -> Result<EnvironmentFiles, FileFailure> {
    arns.sort_unstable();
    arns.dedup();
    if arns.is_empty() {
        return Ok(HashMap::new());
    }
    let files = arns.into_iter().map(async |arn| Ok((arn.to_owned(), read_one(cluster, arn, source).await?)));
    Ok(try_join_all(files).await?.into_iter().collect())
}

async fn read_one(
    cluster: &ClusterRef,
    arn: &str,
    source: Option<&Arc<dyn ObjectSource>>,
) -> Result<Vec<(String, String)>, FileFailure> {
    let content = fetch(cluster, arn, source).await.map_err(FileFailure)?;
    // "The file must use UTF-8 encoding."
    let text = String::from_utf8(content).map_err(|_| FileFailure(format!("{arn} is not UTF-8")))?;
    Ok(parse(&text))
}

/// Reads a small file, asking again where the source cannot be asked; an error says what was wrong.
pub(super) async fn fetch(cluster: &ClusterRef, arn: &str, source: Option<&Arc<dyn ObjectSource>>) -> Result<Vec<u8>, String> {
    let Some(source) = source else {
        return Err("they are in Amazon S3, and no AWS services backend is configured".to_owned());
    };
    let object = ObjectRef::parse(arn).ok_or_else(|| format!("'{arn}' is not the ARN of an object in Amazon S3"))?;
    let mut pause = FIRST_PAUSE;
    let mut retries = 0;
    loop {
        match content(cluster, &object, source).await {
            Ok(content) => return Ok(content),
            Err(error) if error.is_retryable() && retries < RETRIES => {
                tracing::warn!(%object, error = %Report(&error), retry_in = ?pause, "file not read yet");
                tokio::time::sleep(pause).await;
                pause *= 2;
                retries += 1;
            }
            Err(error) => {
                let retried =
                    if retries > 0 { format!("service call has been retried {retries} time(s): ") } else { String::new() };
                return Err(format!("{retried}{object}: {error}"));
            }
        }
    }
}

async fn content(cluster: &ClusterRef, object: &ObjectRef, source: &Arc<dyn ObjectSource>) -> Result<Vec<u8>, BackendError> {
    let mut stream = source.open(cluster, object).await?;
    let mut content = Vec::new();
    while let Some(bytes) = stream.try_next().await? {
        if content.len() + bytes.len() > MOST_BYTES {
            return Err(BackendError::new(ErrorKind::Invalid, "such a file may have 1 MiB at most"));
        }
        content.extend_from_slice(&bytes);
    }
    Ok(content)
}

/// "Each line in an environment file must contain an environment variable in VARIABLE=VALUE format. Spaces or quotation marks are included as
/// part of the values … Lines beginning with # are treated as comments and are ignored" ("Pass environment variables to an Amazon ECS
/// container"). As with Docker, whose syntax it is, a line's leading blanks do not count, and what is no variable is passed over.
fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let variables = lines.filter_map(|line| line.split_once('=')).filter(|(name, _)| !name.is_empty());
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_file_is_read_line_by_line_and_values_are_as_they_are_written() {
        // The example and the rules of "Pass environment variables to an Amazon ECS container".
        let text = "#This is a comment and will be ignored\nVARIABLE=VALUE\nENVIRONMENT=PRODUCTION\r\n\nQUOTED=\"a b\" \nURL=http://h/?a=b#c\n\
                    EMPTY=\nNOT A VARIABLE\n=nameless\n  # indented\n\tTAB=1";
        let variables = parse(text);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            variables,
            [
                ("VARIABLE", "VALUE"),
                ("ENVIRONMENT", "PRODUCTION"),
                ("QUOTED", "\"a b\" "),
                ("URL", "http://h/?a=b#c"),
                ("EMPTY", ""),
                ("TAB", "1"),
            ]
        );
        assert_eq!(parse("\u{feff}A=1"), [("A".to_owned(), "1".to_owned())]);
    }
}
