//! `kecs events`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use crate::failure::Failure;
use crate::running::Server;
use crate::terminal;

/// What of the events to show, and how.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Whether to go on with what happens from now on.
    pub(crate) follow: bool,
    /// One JSON object a line, in place of a text.
    pub(crate) json: bool,
    /// Those of one cluster.
    pub(crate) cluster: Option<String>,
    /// `task`, `service`, `deployment` or `instance`.
    pub(crate) types: Vec<String>,
}

/// Prints the last events of the kecs that runs on the data folder, and what follows, if that is wanted.
///
/// # Errors
/// When none runs, or it does not answer.
pub(crate) fn run(data_dir: &Path, wish: &Wish) -> Result<ExitCode, Failure> {
    let mut stdout = std::io::stdout().lock();
    let mut read_to_the_end = true;
    Server::find(data_dir)?.lines(&path(wish), |line| {
        let text = if wish.json { line.to_owned() } else { text(line) };
        // A reader that is gone has seen enough.
        read_to_the_end = writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_ok();
        read_to_the_end
    })?;
    if wish.follow && read_to_the_end {
        terminal::remark("kecs has ended");
    }
    Ok(ExitCode::SUCCESS)
}

fn path(wish: &Wish) -> String {
    let mut path = format!("/_kecs/events?follow={}", wish.follow);
    for (name, value) in wish.cluster.iter().map(|cluster| ("cluster", cluster)).chain(wish.types.iter().map(|it| ("type", it))) {
        let _ = write!(path, "&{name}=");
        for byte in value.bytes() {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// An event in a line: when, in which cluster, to what, and what.
fn text(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    if let Some(missed) = event["missed"].as_u64() {
        return format!("(too slow: {missed} changes were missed)");
    }
    let detail = &event["detail"];
    let name = |arn: &Value| arn.as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
    let member = |name: &str| detail[name].as_str().unwrap_or_default();
    let (kind, what) = match event["detail-type"].as_str().unwrap_or_default() {
        "ECS Task State Change" => ("task", task(detail)),
        "ECS Service Action" => ("service", with_reason(member("eventName"), member("reason"))),
        "ECS Deployment State Change" => ("deployment", with_reason(member("eventName"), member("reason"))),
        "ECS Container Instance State Change" => {
            let (running, pending) = (&detail["runningTasksCount"], &detail["pendingTasksCount"]);
            ("instance", format!("{} with {running} running and {pending} pending tasks", member("status")))
        }
        other => (other, String::new()),
    };
    let (time, cluster) = (member("updatedAt"), name(&detail["clusterArn"]));
    let time = if time.is_empty() { member("createdAt") } else { time };
    format!("{time:<24} {kind:<10} {cluster}/{} {what}", name(&event["resources"][0]))
}

fn task(detail: &Value) -> String {
    let member = |name: &str| detail[name].as_str().unwrap_or_default();
    let definition = member("taskDefinitionArn").rsplit('/').next().unwrap_or_default();
    let stopped = match member("stopCode") {
        "" => String::new(),
        code => with_reason(&format!(", {code}"), member("stoppedReason")),
    };
    format!("{} ({definition}, {}{stopped})", member("lastStatus"), member("group"))
}

fn with_reason(what: &str, reason: &str) -> String {
    if reason.is_empty() { what.to_owned() } else { format!("{what}: {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_that_says_what_happened_to_what() {
        let task = r#"{"detail-type":"ECS Task State Change","resources":["arn:aws:ecs:us-east-1:000000000000:task/blue/0123"],"detail":{
            "clusterArn":"arn:aws:ecs:us-east-1:000000000000:cluster/blue","lastStatus":"STOPPED","group":"service:web",
            "taskDefinitionArn":"arn:aws:ecs:us-east-1:000000000000:task-definition/app:3","stopCode":"UserInitiated",
            "stoppedReason":"enough","updatedAt":"2026-01-02T03:04:05.006Z"}}"#;
        assert_eq!(text(task), "2026-01-02T03:04:05.006Z task       blue/0123 STOPPED (app:3, service:web, UserInitiated: enough)");
        let action = r#"{"detail-type":"ECS Service Action","resources":["arn:aws:ecs:us-east-1:000000000000:service/blue/web"],"detail":{
            "clusterArn":"arn:aws:ecs:us-east-1:000000000000:cluster/blue","eventName":"SERVICE_STEADY_STATE",
            "createdAt":"2026-01-02T03:04:05Z"}}"#;
        assert_eq!(text(action), "2026-01-02T03:04:05Z     service    blue/web SERVICE_STEADY_STATE");
        assert_eq!(text(r#"{"missed":7}"#), "(too slow: 7 changes were missed)");
    }

    #[test]
    fn what_is_asked_for_is_encoded() {
        let wish = Wish { follow: true, json: false, cluster: Some("a&b".to_owned()), types: vec!["task".to_owned()] };
        assert_eq!(path(&wish), "/_kecs/events?follow=true&cluster=%61%26%62&type=%74%61%73%6B");
    }
}
