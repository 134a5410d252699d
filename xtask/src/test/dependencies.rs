//! Which crate may depend on which: the invariants 1 and 2 of ARCHITECTURE.md, checked on `cargo tree`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::options::Options;
use super::tally::Tally;
use super::{output, process};

/// What the dependency tree of one crate may hold (normal and build dependencies, all features).
struct Rule {
    package: &'static str,
    /// The crates of this workspace that may be in it.
    workspace: &'static [&'static str],
    /// Crates from elsewhere that must not be in it.
    forbidden: &'static [&'static str],
    why: &'static str,
}

const HTTP_STACKS: &[&str] = &["hyper", "hyper-util", "reqwest", "axum", "kube", "k8s-openapi", "clap", "anyhow"];

const RULES: &[Rule] = &[
    Rule {
        package: "kecs-model",
        workspace: &[],
        forbidden: &["tokio", "hyper", "hyper-util", "reqwest", "kube", "k8s-openapi", "clap", "anyhow"],
        why: "the wire types are a leaf that everything may use",
    },
    Rule {
        package: "kecs-core",
        workspace: &["kecs-model"],
        forbidden: HTTP_STACKS,
        why: "ECS semantics know no transport, no orchestrator and no command line",
    },
    Rule {
        package: "kecs-process",
        workspace: &[],
        forbidden: &["tokio", "hyper", "hyper-util", "reqwest", "kube", "k8s-openapi", "clap", "anyhow"],
        why: "the processes of the host are a leaf that backends may use",
    },
    Rule {
        package: "kecs-embedded",
        workspace: &["kecs-core", "kecs-model", "kecs-process"],
        forbidden: HTTP_STACKS,
        why: "a backend sees the seams only",
    },
    Rule {
        package: "kecs-k8s",
        workspace: &["kecs-core", "kecs-model"],
        forbidden: &["clap", "anyhow"],
        why: "a backend sees the seams only",
    },
    Rule {
        package: "kecs-localstack",
        workspace: &["kecs-core", "kecs-model", "kecs-process"],
        forbidden: &["clap", "anyhow", "kube", "k8s-openapi"],
        why: "a backend sees the seams only",
    },
    Rule {
        package: "kecs-server",
        workspace: &["kecs-core", "kecs-model"],
        forbidden: &["clap", "anyhow", "kube", "k8s-openapi"],
        why: "the endpoint works with any backend, and leaves the command line to the binary",
    },
];

/// Checks every rule.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let ours = workspace_packages(options)?;
    let mut total = Tally::default();
    for rule in RULES {
        let violations = rule.violations(&tree(rule.package, options)?, &ours);
        if violations.is_empty() {
            output::line(&format!("{}: {}", rule.package, rule.why));
            total.add(Tally::passed());
        } else {
            total.add(Tally::failed(format!("{} must not depend on {}: {}", rule.package, violations.join(", "), rule.why)));
        }
    }
    Ok(total)
}

impl Rule {
    /// The crates in `tree` that this rule does not allow.
    fn violations(&self, tree: &BTreeSet<String>, ours: &BTreeSet<String>) -> Vec<String> {
        let allowed = |name: &str| name == self.package || self.workspace.contains(&name);
        tree.iter()
            .filter(|name| self.forbidden.contains(&name.as_str()) || (ours.contains(*name) && !allowed(name)))
            .cloned()
            .collect()
    }
}

/// The names of all crates that `package` is built from.
fn tree(package: &str, options: &Options) -> Result<BTreeSet<String>> {
    let arguments =
        ["tree", "--package", package, "--edges", "normal,build", "--all-features", "--target", "all", "--prefix", "none"];
    Ok(names(&cargo_output(&arguments, options)?))
}

/// The names of the workspace's own crates.
fn workspace_packages(options: &Options) -> Result<BTreeSet<String>> {
    Ok(names(&cargo_output(&["tree", "--workspace", "--depth", "0", "--prefix", "none"], options)?))
}

/// The first word of each line: `cargo tree` writes `name vVERSION …`.
fn names(lines: &str) -> BTreeSet<String> {
    lines.lines().filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned).collect()
}

fn cargo_output(arguments: &[&str], options: &Options) -> Result<String> {
    let output = process::cargo(options).args(arguments).output()?;
    if !output.status.success() {
        bail!("cargo {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { package: "core", workspace: &["model"], forbidden: &["hyper"], why: "" };

    fn set(lines: &str) -> BTreeSet<String> {
        names(lines)
    }

    #[test]
    fn allowed_crates_pass() {
        let tree = set("core v0.1.0 (/a)\nmodel v0.1.0 (/b)\nserde v1.0.0\n");
        assert!(RULE.violations(&tree, &set("core\nmodel\nserver")).is_empty());
    }

    #[test]
    fn forbidden_and_other_workspace_crates_are_violations() {
        let tree = set("core v0.1.0 (/a)\nhyper v1.12.0\nserver v0.1.0 (/c)\nserde v1.0.0 (*)\n");
        assert_eq!(RULE.violations(&tree, &set("core\nmodel\nserver")), ["hyper", "server"]);
    }
}
