//! ECS Exec by the AWS CLI with AWS's own Session Manager plugin, in tasks that are processes of this host. The tests are the functions `test_…` of
//! `e2e/clients/exec/*.py`, each with a server of its own.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the AWS CLI, `KECS_SESSION_MANAGER_PLUGIN` a folder with the plugin; `cargo xtask test` makes both.
//! Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::path::PathBuf;
use std::process::ExitCode;

use e2e::{Kecs, client_tests, run_client_with};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let tools = path("KECS_CLIENTS_PYTHON").zip(path("KECS_SESSION_MANAGER_PLUGIN"));
    let required = std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0");
    let trials = client_tests("exec").into_iter().map(|(file, function)| {
        let name = format!("{file}::{function}");
        let tools = tools.clone();
        let ignored = tools.is_none() && !required;
        if ignored && !arguments.list {
            eprintln!(
                "skipped: {name}: needs a Python with the AWS CLI, and AWS's Session Manager plugin; `cargo xtask test` brings them"
            );
        }
        let run = move || -> Result<(), Failed> {
            let missing = "KECS_CLIENTS_PYTHON or KECS_SESSION_MANAGER_PLUGIN is not set, and nothing may be skipped here";
            let (python, plugin) = tools.ok_or(missing)?;
            let kecs = Kecs::start(&["--localstack", "off"]);
            let module = format!("exec.{file}");
            run_client_with(&python, &module, &function, kecs.endpoint(), kecs.folder(), &plugin, &[]).map_err(Failed::from)
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
