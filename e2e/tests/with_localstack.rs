//! What tasks get from other AWS services, and the endpoint itself, with the LocalStack that `kecs start` runs. The tests are the functions `test_…` of
//! `e2e/clients/tasks/*.py`; all share one kecs.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the clients, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack, `KECS_AWS_CLI_2` a folder with version 2 of
//! the AWS CLI, `KECS_TEST_SDK_FOR_GO` and `KECS_TEST_SDK_FOR_JAVASCRIPT` programs that run in tasks; `cargo xtask test` makes them. Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use e2e::{Kecs, LOCALSTACK, run_client_tests};

fn main() -> ExitCode {
    let shared: Arc<OnceLock<Kecs>> = Arc::default();
    let world = Arc::clone(&shared);
    let code = run_client_tests("tasks", &[LOCALSTACK], move |test| {
        let kecs = world.get_or_init(|| {
            let python = LOCALSTACK.path().expect("a test that lacks something is not run");
            Kecs::start(&["--localstack-python", &python.to_string_lossy()])
        });
        test.run(kecs.endpoint(), kecs.folder())
    });
    // It would outlive the process otherwise, and LocalStack with it: what is shared is dropped here.
    drop(shared);
    code
}
