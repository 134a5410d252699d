//! The emulators that KECS runs for the other AWS services, really run: LocalStack and moto, from the locks that the product installs.

use std::path::PathBuf;

use anyhow::Result;

use super::options::Options;
use super::tally::Tally;
use super::{cargo, output, process, python};
use crate::workspace;

/// LocalStack's locks with the minor versions of Python 3 that they are for, as `kecs-localstack` has them; the first that can be had is used.
const LOCALSTACK: &[(&str, u8, u8)] = &[("localstack-4.14.0.txt", 13, 13), ("localstack-4.13.1.txt", 11, 13)];

/// moto's lock.
const MOTO: (&str, u8, u8) = ("moto-5.2.5.txt", 11, 13);

/// Makes the environments, and runs the tests that need them.
pub(crate) fn run(options: &Options) -> Result<Tally> {
    let mut tests = process::cargo(options);
    tests.args(["test", "--package", "kecs-localstack", "--test", "localstack", "--test", "live", "--no-fail-fast", "--"]);
    // Each has emulators of its own, and one takes a core for seconds when it starts.
    tests.arg("--test-threads=2");
    let [localstack, moto] = environments()?;
    if let Some(python) = localstack {
        tests.env("KECS_TEST_LOCALSTACK_PYTHON", python);
    }
    if let Some(python) = moto {
        tests.env("KECS_TEST_MOTO_PYTHON", python);
    }
    cargo::count_tests(&mut tests, "the tests of LocalStack and moto")
}

/// The Pythons of environments with LocalStack and with moto, as far as they can be made.
pub(crate) fn environments() -> Result<[Option<PathBuf>; 2]> {
    let (lock, oldest, newest) = MOTO;
    let base = python::base(oldest, newest);
    let moto = workspace::root().join("kecs-localstack/locks").join(lock);
    Ok([python_environment()?, python::environment("moto-venv", &moto, base.as_deref())?])
}

/// The Python of an environment with LocalStack, or nothing when it cannot be made.
pub(crate) fn python_environment() -> Result<Option<PathBuf>> {
    let locks = workspace::root().join("kecs-localstack/locks");
    let found = LOCALSTACK.iter().find_map(|lock @ (_, oldest, newest)| Some((lock, python::base(*oldest, *newest)?)));
    let Some(((lock, ..), base)) = found else {
        output::line("no Python from 3.11 to 3.13: install python3.13 and its venv module");
        return Ok(None);
    };
    python::environment("localstack-venv", &locks.join(lock), Some(&base))
}
