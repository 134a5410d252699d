//! The AWS CLI and boto3, one server for each test. The tests are the functions `test_…` of `e2e/clients/*.py`.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with `e2e/clients/requirements.txt`, `KECS_AWS_CLI_2` a folder with version 2 of the AWS CLI; `cargo xtask test`
//! makes both. Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::process::ExitCode;

use e2e::{Kecs, run_client_tests};

fn main() -> ExitCode {
    run_client_tests("", &[], |test| {
        let kecs = Kecs::start(&[]);
        test.run(kecs.endpoint(), kecs.folder())
    })
}
