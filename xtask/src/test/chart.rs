//! The Helm chart, without a cluster: that it is one, with every kind of values, and that the plain manifests are made from it. That it installs and does
//! what it is for is tested by the step `cluster`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output};
use crate::chart;
use crate::cluster::helm;

/// Values with which there is more, less or something else in it.
const VALUES: &[&[&str]] = &[
    &["auth.mode=required,auth.existingSecret=keys"],
    &["ingress.enabled=true,ingress.host=kecs.example.com,ingress.tlsSecret=tls,ingress.className=nginx"],
    &["persistence.enabled=false,webhook.enabled=false,localstack.mode=off,tasks.endpoint=none"],
    &["persistence.existingClaim=mine,serviceAccount.create=false,rbac.create=false"],
    &["config.clusters[0].name=payments,config.clusters[0].localstack.port=4570"],
];

/// Values that are refused.
const WRONG: &[&[&str]] =
    &[&["auth.mode=on"], &["auth.mode=required"], &["no.such=value"], &["webhook.port=443"], &["ingress.enabled=true"]];

/// Looks at the chart.
pub(crate) fn run(_: &Options) -> Result<Tally> {
    if let Some(why) = helm::lacking() {
        return Ok(Tally::skipped("chart", &why));
    }
    let helm = helm::obtain()?;
    let mut total = Tally::default();
    total.add(cargo::check(Command::new(&helm).args(["lint", "--strict", "--quiet"]).arg(chart::folder()), "helm lint")?);
    for values in VALUES {
        total.add(tally(chart::template(&helm, values).map(drop)));
    }
    for values in WRONG {
        let refused = chart::template(&helm, values).is_err();
        total.add(if refused { Tally::passed() } else { Tally::failed(format!("the chart takes the values {values:?}")) });
    }
    total.add(tally(chart::check()));
    total.add(tally(is_of_this_version()));
    total.add(tally(every_right_is_explained(&chart::template(&helm, &[])?)));
    Ok(total)
}

fn tally(outcome: Result<()>) -> Tally {
    outcome.map_or_else(|error| Tally::failed(format!("{error:#}")), |()| Tally::passed())
}

fn is_of_this_version() -> Result<()> {
    let path = chart::folder().join("Chart.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let version = env!("CARGO_PKG_VERSION");
    for line in [format!("version: {version}"), format!("appVersion: \"{version}\"")] {
        anyhow::ensure!(text.lines().any(|found| found == line), "Chart.yaml has no line `{line}`");
    }
    Ok(())
}

/// Each verb of each rule is in the comment above the rule, which says what it is for.
fn every_right_is_explained(manifests: &str) -> Result<()> {
    let (mut comment, mut rules) = (String::new(), 0);
    for line in manifests.lines() {
        if let Some(verbs) = line.trim().strip_prefix("verbs: [").and_then(|verbs| verbs.strip_suffix(']')) {
            rules += 1;
            let missing = verbs.split(", ").find(|verb| !explains(&comment, verb));
            anyhow::ensure!(missing.is_none(), "nothing says what for {missing:?} is, above the rule with {verbs}");
            anyhow::ensure!(!verbs.contains('*'), "no right is for everything");
            comment.clear();
        } else if line == "rules:" {
            // What was said before is about something else.
            comment.clear();
        } else if let Some(text) = line.trim().strip_prefix("# ") {
            comment.push_str(text);
            comment.push(' ');
        }
    }
    anyhow::ensure!(rules > 5, "only {rules} rules were found");
    output::line(&format!("{rules} rules, each verb explained"));
    Ok(())
}

/// `get, list: why.`
fn explains(comment: &str, verb: &str) -> bool {
    comment
        .split(". ")
        .filter_map(|sentence| sentence.split_once(':'))
        .any(|(verbs, _)| verbs.split(", ").any(|known| known == verb))
}

/// Where the programs of the tests find Helm, the chart and the manifests.
///
/// # Errors
/// When Helm cannot be built.
pub(crate) fn environment() -> Result<[(&'static str, PathBuf); 3]> {
    Ok([("KECS_HELM", helm::obtain()?), ("KECS_CHART", chart::folder()), ("KECS_MANIFESTS", chart::manifests())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_explained_by_a_sentence_that_begins_with_its_verb() {
        let rules = |comment: &str| format!("{comment}\n- apiGroups: [\"\"]\n  verbs: [get, list]\n").repeat(6);
        assert!(every_right_is_explained(&rules("# list: all of them. get: one.")).is_ok());
        assert!(every_right_is_explained(&rules("# get: one of them.")).is_err());
        assert!(every_right_is_explained(&format!("# Source: a chart\nrules:\n{}", rules("# get: one. list: all."))).is_ok());
        assert!(every_right_is_explained("").is_err());
    }
}
