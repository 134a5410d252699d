//! Other AWS services by boto3, the AWS CLI and plain HTTP, through `kecs sidecar` to the real LocalStack. The tests are the functions `test_…`
//! of `e2e/clients/services/*.py`; all share one LocalStack.
//!
//! `KECS_CLIENTS_PYTHON` names a Python with the clients, `KECS_TEST_LOCALSTACK_PYTHON` one with LocalStack, `KECS_AWS_CLI_2` a folder with version 2 of
//! the AWS CLI; `cargo xtask test` makes them. Without them the tests are skipped by name, and with `KECS_TEST_REQUIRE` they fail.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use e2e::{Kecs, LOCALSTACK, LocalStack, Sidecar, run_client_tests};

fn main() -> ExitCode {
    // What all tests share, started by the first.
    let shared: Arc<OnceLock<(LocalStack, Kecs, Sidecar)>> = Arc::default();
    let world = Arc::clone(&shared);
    let code = run_client_tests("services", &[LOCALSTACK], move |test| {
        let (_, kecs, sidecar) = world.get_or_init(|| {
            let python = LOCALSTACK.path().expect("a test that lacks something is not run");
            let localstack = LocalStack::start(&python);
            let kecs = Kecs::start(&[]);
            let sidecar = Sidecar::start(kecs.endpoint(), localstack.endpoint());
            (localstack, kecs, sidecar)
        });
        test.run(sidecar.endpoint(), kecs.folder())
    });
    // It would outlive the process otherwise, and LocalStack with it: what is shared is dropped here.
    drop(shared);
    code
}
