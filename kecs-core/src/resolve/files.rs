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
/// container"). What that leaves open is as in AWS's agent (amazon-ecs-agent, `readEnvVarsFromFile`): a line is split at its first `=`, and is
/// passed over where there is nothing on either side of it; blanks and a byte order mark before a name are a part of it.
fn parse(text: &str) -> Vec<(String, String)> {
    let variables = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let whole = variables.filter(|(name, value)| !name.is_empty() && !value.is_empty());
    whole.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// Each line, and what becomes of it in `readEnvVarsFromFile` of amazon-ecs-agent (agent/taskresource/envFiles/envfile.go): Go's `bufio.ScanLines`,
    /// which takes one `\r` away at a line's end; `strings.HasPrefix(line, "#")`; `strings.SplitN(line, "=", 2)`; and a variable only where `len` of
    /// both parts is more than 0.
    #[test]
    fn a_file_is_read_line_by_line_as_the_agent_reads_it() {
        for (line, variable) in [
            // The example of "Pass environment variables to an Amazon ECS container".
            ("#This is a comment and will be ignored", None),
            ("VARIABLE=VALUE", Some(("VARIABLE", "VALUE"))),
            ("ENVIRONMENT=PRODUCTION\r", Some(("ENVIRONMENT", "PRODUCTION"))),
            ("QUOTED=\"a b\" ", Some(("QUOTED", "\"a b\" "))),
            ("URL=http://h/?a=b#c", Some(("URL", "http://h/?a=b#c"))),
            ("#A=1", None),
            ("", None),
            ("NOT A VARIABLE", None),
            ("EMPTY=", None),
            ("=nameless", None),
            ("=", None),
            ("BLANK= ", Some(("BLANK", " "))),
            (" INDENTED=1", Some((" INDENTED", "1"))),
            (" #A=1", Some((" #A", "1"))),
            ("export A=1", Some(("export A", "1"))),
            ("\u{feff}FIRST=1", Some(("\u{feff}FIRST", "1"))),
        ] {
            let expected: Vec<_> = variable.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            assert_eq!(parse(&format!("{line}\n")), expected, "{line:?}");
        }
        let two = [("A", "1"), ("B", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse("A=1\n# between\nB=2"), two);
    }
}
