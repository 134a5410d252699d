//! A real Kubernetes: that it is one, that the sidecar's image does in a pod what it is for, that another cluster can be beside it, and then the
//! tests for a cluster.
//!
//! Those are the targets `tests/cluster*` of `kecs-k8s` and `e2e`, files or folders, with `test = false` in the manifest so that the step `test` leaves them to
//! this one. They are built as any test, and run inside the cluster's network, with `KUBECONFIG` and with `KECS_TEST_CLUSTER=1`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::options::Options;
use super::tally::Tally;
use super::{beside, cargo, chart, clients, output, process, receiver};
use crate::cluster::{self, Boxes};
use crate::image::{self, KECS, SIDECAR};
use crate::workspace;

/// The cluster of this step.
const NAME: &str = "test";

/// What `check.sh` checks in a cluster before anything is tested with it.
const CHECKS: &[&str] = &["exit-code", "dns"];

/// What it checks of the sidecar's image.
const SIDECAR_CHECK: &str = "sidecar";

/// Brings a cluster up, tests with it, and takes it down; also when this process ends early.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    if let Some(why) = cluster::lacking().or_else(image::lacking).or_else(cluster::helm::lacking) {
        return Ok(Tally::skipped("cluster", &why));
    }
    let boxes = Boxes::locate()?;
    if let Err(error) = boxes.prepare() {
        return Ok(Tally::skipped("cluster", &format!("{error:#}")));
    }
    // Before the cluster, which would only wait for them.
    let images = [image::make(SIDECAR, None)?.archive, image::make(KECS, None)?.archive];
    let chart = chart::environment()?;
    boxes.clear(NAME)?;
    let mut guard = boxes.guard(NAME)?;
    let outcome = boxes.up(NAME).and_then(|()| test(options, &boxes, &images, &chart));
    let gone = boxes.down(NAME);
    guard.kill().context("cannot end the guard of the cluster")?;
    guard.wait().context("cannot wait for the guard of the cluster")?;
    let tally = outcome?;
    gone?;
    Ok(tally)
}

fn test(options: &Options, boxes: &Boxes, images: &[PathBuf], chart: &[(&str, PathBuf)]) -> Result<Tally> {
    let mut total = Tally::default();
    for check in CHECKS {
        total.add(checked(boxes, check, &[])?);
    }
    total.add(beside::run(boxes, NAME)?);
    if total.failed > 0 {
        return Ok(total);
    }
    // For the tests as well: pods of tasks have the sidecar, and the chart's has KECS.
    let import = ["ctr", "--namespace", "k8s.io", "images", "import"];
    for image in images {
        workspace::run(boxes.within(NAME).args(import).arg(image)).with_context(|| format!("cannot load {}", image.display()))?;
    }
    total.add(checked(boxes, SIDECAR_CHECK, &[&SIDECAR.reference()])?);
    if total.failed > 0 {
        return Ok(total);
    }
    let (kecs, tools) = (cargo::release_kecs(options)?, clients::tools()?);
    let receiver = receiver::folder()?;
    for program in programs(options)? {
        output::line(&format!("-- {}", program.name));
        let mut tests = boxes.within(NAME);
        tests.arg(&program.path).current_dir(&program.folder).env("KECS_TEST_CLUSTER", "1").env("KECS_BIN", &kecs);
        tests.envs(chart.iter().cloned()).envs(tools.iter().cloned()).env("KECS_TEST_FORWARD_RECEIVER", &receiver);
        if options.ci {
            tests.env("KECS_TEST_REQUIRE", "1");
        }
        total.add(match program.kind {
            Kind::Test => cargo::count_tests(&mut tests, &program.name)?,
            // Without `--bench` it goes once through everything and measures nothing.
            Kind::Bench => cargo::check(&mut tests, "the benchmark of pods")?,
        });
    }
    Ok(total)
}

/// Runs a check of `check.sh` inside.
fn checked(boxes: &Boxes, check: &str, arguments: &[&str]) -> Result<Tally> {
    let script = workspace::root().join("xtask/cluster/check.sh");
    cargo::check(boxes.within(NAME).arg(script).arg(check).args(arguments), &format!("the check {check} of the cluster"))
}

/// The packages with tests for a cluster.
const PACKAGES: &[&str] = &["kecs-k8s", cargo::CLIENT_TESTS];

/// The benchmark that needs a cluster. It goes last: what it adds are nodes that run nothing.
const BENCH: &str = "pods";

/// A test program.
#[derive(Debug, PartialEq, Eq)]
struct Program {
    name: String,
    kind: Kind,
    path: PathBuf,
    /// Of its package, which is where cargo runs tests.
    folder: PathBuf,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Test,
    Bench,
}

/// Builds the tests for a cluster, and the benchmark.
fn programs(options: &Options) -> Result<Vec<Program>> {
    let names = names()?;
    let mut build = process::cargo(options);
    // By their names, with the features of the whole workspace, so that next to nothing is compiled again.
    build.args(["test", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    build.args(names.iter().flat_map(|name| ["--test", name])).args(["--bench", BENCH]);
    let built = build.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    if !built.status.success() {
        bail!("the tests for a cluster do not build");
    }
    let said = String::from_utf8_lossy(&built.stdout);
    let is_wanted = |program: &Program| match program.kind {
        Kind::Test => names.contains(&program.name),
        Kind::Bench => program.name == BENCH,
    };
    let (tests, benches): (Vec<_>, Vec<_>) =
        said.lines().filter_map(program).filter(is_wanted).partition(|program| program.kind == Kind::Test);
    Ok(tests.into_iter().chain(benches).collect())
}

/// The names of the test targets for a cluster, in order.
fn names() -> Result<Vec<String>> {
    let folders = PACKAGES.iter().map(|package| workspace::root().join(package).join("tests"));
    let mut names = Vec::new();
    for entry in folders.filter_map(|folder| folder.read_dir().ok()).flatten() {
        let path = entry.context("cannot read the tests for a cluster")?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_target = path.extension().is_some_and(|extension| extension == "rs") || process::is_file(&path.join("main.rs"));
        if is_target && name.starts_with("cluster") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The test program in a line of cargo's JSON, if it tells of one.
fn program(line: &str) -> Option<Program> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        executable: PathBuf,
        manifest_path: PathBuf,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: [Kind; 1],
    }
    let Message { target: Target { name, kind: [kind] }, executable: path, manifest_path } = serde_json::from_str(line).ok()?;
    Some(Program { name, kind, path, folder: manifest_path.parent()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_programs_are_found_among_what_cargo_built() {
        let test = r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"cluster"},"executable":"/t/cluster-1","manifest_path":"/w/k8s/Cargo.toml"}"#;
        let expected =
            Program { name: "cluster".to_owned(), kind: Kind::Test, path: "/t/cluster-1".into(), folder: "/w/k8s".into() };
        assert_eq!(program(test), Some(expected));
        let bench = test.replace(r#"["test"]"#, r#"["bench"]"#);
        assert_eq!(program(&bench).map(|program| program.kind), Some(Kind::Bench));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"cluster"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"kecs"},"executable":"/t/kecs"}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            assert_eq!(program(other), None, "{other}");
        }
    }
}
