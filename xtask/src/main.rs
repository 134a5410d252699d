//! Chores of the project: `cargo xtask <chore>`. One module per chore.

mod chart;
mod cluster;
mod codegen;
mod fields;
mod image;
mod model;
mod operations;
mod test;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>

  cluster up|run|down|list         a Kubernetes for tests and development: `up [NAME]`, `run [NAME] -- COMMAND...`, `down [NAME]`
  codegen [--check]                write the generated files of kecs-model (or say which one is stale)
  fields [--check]                 write the tables of fields in docs/kubernetes.md from kecs-k8s/fields (or say that they are stale)
  image [kecs-sidecar|kecs] [--out FILE]
                                   make a container image, as an OCI archive (target/images/NAME.tar)
  manifests [--check]              write deploy/manifests/kecs.yaml from the Helm chart (or say that it is stale)
  model refresh [--version X]      fetch the AWS service models and trim them into kecs-model/models
  operations [--check]             write docs/operations.md from the code (or say that it is stale)
  test [--only STEP]... [--list] [--prepare] [--ci]
                                   everything that must pass; --list names the steps, --prepare only installs what they need, --ci allows no skips";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["cluster", words @ ..] => cluster::run(words),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["fields"] => fields::write(),
        ["fields", "--check"] => fields::check(),
        ["image", words @ ..] => image::run(words),
        ["manifests"] => chart::write(),
        ["manifests", "--check"] => chart::check(),
        ["model", "refresh"] => model::refresh(None),
        ["model", "refresh", "--version", version] => model::refresh(Some(version)),
        ["operations"] => operations::write(),
        ["operations", "--check"] => operations::check(),
        ["test", options @ ..] => test::run(options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
