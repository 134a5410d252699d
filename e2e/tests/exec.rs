//! ECS Exec by the AWS CLI with AWS's own Session Manager plugin, in tasks that are processes of this host. The tests are the functions `test_…` of
//! `e2e/clients/exec/*.py`, each with a server of its own.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with boto3, `KECS_AWS_CLI_2` and `KECS_SESSION_MANAGER_PLUGIN` folders with the AWS CLI and with the plugin;
//! `cargo xtask test` makes them. Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::process::ExitCode;

use e2e::{Kecs, PLUGIN, run_client_tests};

fn main() -> ExitCode {
    run_client_tests("exec", &[PLUGIN], |test| {
        let kecs = Kecs::start(&["--localstack", "off"]);
        test.run(kecs.endpoint(), kecs.folder())
    })
}
