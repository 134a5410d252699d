//! `cargo xtask test`: everything that must pass before a change is merged, in one command that sets itself up.
//!
//! Each step reports how many checks passed, failed and were skipped. A step that lacks something on this machine is skipped
//! by name and with its reason; with `--ci` (or `CI=true`, or `KECS_TEST_REQUIRE=1`) a skip is a failure, and a run that does not end is ended with a report.

mod aws_cli;
mod benches;
mod beside;
mod cargo;
mod chart;
mod clients;
mod cluster;
mod deny;
mod dependencies;
mod documentation;
mod examples;
mod fuzz;
mod image;
mod localstack;
mod options;
pub(crate) mod output;
mod plugin;
mod prepare;
pub(crate) mod process;
mod progress;
mod python;
mod receiver;
mod sdks;
mod tally;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use options::Options;
use tally::Tally;

/// One thing that must pass.
struct Step {
    name: &'static str,
    checks: &'static str,
    run: fn(&Options) -> Result<Tally>,
}

/// The steps in the order in which they run: what fails fast comes first, and what has much to install comes late, for which see `prepare`.
const STEPS: &[Step] = &[
    Step { name: "fmt", checks: "the code is formatted", run: cargo::fmt },
    Step { name: "dependencies", checks: "which crate may depend on which", run: dependencies::run },
    Step { name: "codegen", checks: "generated files are what the generator writes", run: cargo::codegen },
    Step { name: "operations", checks: "docs/operations.md is what the code says", run: cargo::operations },
    Step { name: "fields", checks: "the tables in docs/kubernetes.md are what kecs-k8s/fields says", run: cargo::fields },
    Step { name: "clippy", checks: "no lint warns, in any target", run: cargo::clippy },
    Step { name: "test", checks: "unit and integration tests", run: cargo::tests },
    Step { name: "fuzz", checks: "the fuzzers' seeds, damaged seeds and noise", run: fuzz::run },
    Step { name: "doc-test", checks: "the examples in the documentation", run: cargo::doc_tests },
    Step { name: "doc", checks: "the documentation builds without a broken link", run: documentation::run },
    Step { name: "examples", checks: "each program in examples/ runs to its end", run: examples::run },
    Step { name: "deny", checks: "licences, sources and duplicates of the dependencies", run: deny::run },
    Step { name: "localstack", checks: "the emulators for other AWS services, really run", run: localstack::run },
    Step { name: "image", checks: "the container images: static, and the sidecar's small", run: image::run },
    Step { name: "clients", checks: "AWS's own clients against the release binary", run: clients::run },
    Step { name: "benches", checks: "each benchmark runs once", run: benches::run },
    Step { name: "chart", checks: "the Helm chart, and the manifests that are made from it", run: chart::run },
    Step { name: "cluster", checks: "a real Kubernetes, the sidecar's image in it, and tasks on it", run: cluster::run },
];

/// Runs the steps that `words` ask for and prints what came of them; the last line is `N passed, N failed, N skipped`.
///
/// # Errors
/// When an option is unknown, a check failed, or something was skipped where nothing may be.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    let options = Options::parse(words, &known)?;
    if options.list {
        for step in STEPS {
            output::line(&format!("{:14} {}", step.name, step.checks));
        }
        return Ok(());
    }

    if options.prepare {
        prepare::run(&options);
        return Ok(());
    }
    prepare::begin(&options, words);
    if options.ci {
        progress::end_after(progress::LIMIT);
    }
    let mut total = Tally::default();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
        output::heading(&format!("{}: {}", step.name, step.checks));
        progress::begin(step.name);
        let started = Instant::now();
        prepare::wait(step.name);
        let tally = (step.run)(&options).unwrap_or_else(|error| Tally::failed(format!("{error:#}")));
        for failure in &tally.failures {
            output::line(&format!("failed: {}: {failure}", step.name));
        }
        progress::end(row(step.name, &tally, started.elapsed()));
        total.add(tally);
    }

    output::heading("summary");
    for row in progress::rows() {
        output::line(&row);
    }
    for skip in &total.skips {
        output::line(&format!("skipped: {skip}"));
    }
    let forbidden = options.ci && total.skipped > 0;
    if forbidden {
        output::line("nothing may be skipped here (CI, KECS_TEST_REQUIRE or --ci)");
    }
    output::line(&total.to_string());
    if total.failed > 0 || forbidden {
        bail!("the tests did not pass");
    }
    Ok(())
}

/// One line of the summary.
fn row(name: &str, tally: &Tally, took: Duration) -> String {
    let mark = match tally {
        Tally { failed: 1.., .. } => "FAILED",
        Tally { skipped: 1.., passed: 0, .. } => "skipped",
        _ => "ok",
    };
    format!("{name:14} {mark:8} {:>7.1} s   {tally}", took.as_secs_f64())
}
