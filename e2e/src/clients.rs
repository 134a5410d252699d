//! AWS's own clients in Python: the functions `test_…` of the files below `e2e/clients`, as the tests of a program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Trial};

use crate::tools::{self, AWS_CLI_2, CLIENTS, PLUGIN, SDK_FOR_GO, SDK_FOR_JAVASCRIPT, Tool};

/// One of these functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTest {
    module: String,
    function: String,
    /// The major version of the AWS CLI that it is run with, where there is a choice.
    cli: Option<&'static str>,
}

impl ClientTest {
    /// Runs it against an endpoint.
    ///
    /// # Errors
    /// What it said, when it failed.
    ///
    /// # Panics
    /// When there is no Python for it.
    pub fn run(&self, endpoint: &str, home: &Path) -> Result<(), String> {
        let python = CLIENTS.path().expect("a test that lacks something is not run");
        let mut command = client(&python, &self.module, &self.function, endpoint, home);
        if let Some(plugin) = PLUGIN.path() {
            put_first(&mut command, &plugin);
        }
        if let Some(version) = self.cli {
            command.env("KECS_TEST_CLI", version);
        }
        run(&mut command)
    }

    /// Its name, without that of the folder that it is in.
    fn name(&self) -> String {
        let version = self.cli.map_or_else(String::new, |version| format!("::version_{version}"));
        format!("{}::{}{version}", self.file(), self.function)
    }

    fn file(&self) -> &str {
        self.module.rsplit('.').next().unwrap_or_default()
    }

    /// What it needs beside what all tests of its program need.
    fn needs(&self) -> &'static [Tool] {
        match self.file() {
            "test_sdk_go" => &[CLIENTS, SDK_FOR_GO],
            "test_sdk_javascript" => &[CLIENTS, SDK_FOR_JAVASCRIPT],
            _ if self.cli == Some("2") => &[CLIENTS, AWS_CLI_2],
            _ => &[CLIENTS],
        }
    }
}

/// The versions of the AWS CLI that the tests of a file are run with, where they are about it.
fn versions(file: &str) -> &'static [Option<&'static str>] {
    match file {
        // Version 1 lacks the command; or tests with pods run the same with that, and both here would take half a minute more.
        "test_cli_2" | "test_exec" => &[Some("2")],
        _ if file.starts_with("test_cli") => &[Some("1"), Some("2")],
        _ => &[None],
    }
}

/// A test program: runs the tests of a folder below `e2e/clients` (or of that itself, if it is empty), each by `run`. Those that lack something of what
/// they need are skipped by name, or fail where nothing may be skipped.
///
/// # Panics
/// When the files of the tests cannot be read.
pub fn run_client_tests(
    below: &str,
    needs: &[Tool],
    run: impl Fn(&ClientTest) -> Result<(), String> + Clone + Send + 'static,
) -> ExitCode {
    let arguments = Arguments::from_args();
    let required = tools::all_are_required();
    let trials = client_tests(below).into_iter().map(|test| {
        let lacking = tools::lacking(&[test.needs(), needs].concat());
        let (name, run) = (test.name(), run.clone());
        let ignored = lacking.is_some() && !required;
        if let Some(why) = lacking.as_ref().filter(|_| ignored && !arguments.list) {
            eprintln!("skipped: {name}: {why}");
        }
        let trial = Trial::test(name, move || match lacking {
            Some(why) => Err(format!("it {why}, and nothing may be skipped here").into()),
            None => run(&test).map_err(Into::into),
        });
        trial.with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn client_tests(below: &str) -> Vec<ClientTest> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(folder().join(below)).expect("the folder of the client tests can be read") {
        let path = entry.expect("the folder of the client tests can be read").path();
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !file.starts_with("test_") {
            continue;
        }
        let module = if below.is_empty() { file.clone() } else { format!("{below}.{file}") };
        let text = fs::read_to_string(&path).expect("a client test can be read");
        let functions = text.lines().filter_map(|line| line.strip_prefix("def ")?.split_once('(')).map(|(name, _)| name);
        let functions = functions.filter(|name| name.starts_with("test_"));
        for function in functions {
            let test = |&cli| ClientTest { module: module.clone(), function: function.to_owned(), cli };
            tests.extend(versions(&file).iter().map(test));
        }
    }
    tests.sort_by_key(ClientTest::name);
    tests
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// Runs one function of one module against an endpoint, with the programs of another folder before all others, and with variables of its own.
///
/// # Errors
/// What it said, when it failed.
pub fn run_client_with(
    python: &Path,
    module: &str,
    function: &str,
    endpoint: &str,
    home: &Path,
    programs: &Path,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let mut command = client(python, module, function, endpoint, home);
    put_first(&mut command, programs);
    run(command.envs(variables.iter().copied()))
}

/// Has the programs of a folder found before all others.
fn put_first(command: &mut Command, programs: &Path) {
    let mut path = programs.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    command.env("PATH", path);
}

fn client(python: &Path, module: &str, function: &str, endpoint: &str, home: &Path) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-B", "run.py", module, function])
        .current_dir(folder())
        // Nothing of the caller's own AWS set-up.
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH"))
        .envs(tools::found())
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")])
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_PAGER", ""), ("AWS_ENDPOINT_URL", endpoint)])
        .env("HOME", home);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}
