//! What we say of an edition is what its package says.

use std::process::Command;

use kecs_localstack::{Emulator, localstack_services};

use crate::support::python;

/// The services that have a provider, each once: `@aws_provider(api=…)`, or the function's name.
const SERVICES: &str = "
import re, pathlib, localstack.services
text = (pathlib.Path(localstack.services.__path__[0]) / 'providers.py').read_text()
found = re.findall(r'@aws_provider\\(([^)]*)\\)\\s*def (\\w+)', text)
print('\\n'.join(sorted({(re.search(r'api=\"([^\"]+)\"', arguments) or [None, name])[1] for arguments, name in found})))
";

#[test]
fn the_services_are_those_of_the_package() {
    let Some(python) = python("the_services_are_those_of_the_package", Emulator::LocalStack) else { return };
    let output = Command::new(python).args(["-c", SERVICES]).output().unwrap();
    let services = String::from_utf8(output.stdout).unwrap();
    assert_eq!(services.lines().collect::<Vec<_>>(), localstack_services());
}
