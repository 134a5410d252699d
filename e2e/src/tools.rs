//! What tests need beside this workspace: `cargo xtask test` brings it, and tells by variables where it is.

use std::path::PathBuf;

/// One of these things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The variable that says where it is.
    pub variable: &'static str,
    what: &'static str,
}

/// A Python with `e2e/clients/requirements.txt`.
pub const CLIENTS: Tool = Tool { variable: "KECS_CLIENTS_PYTHON", what: "a Python with version 1 of the AWS CLI and boto3" };

/// The folder of version 2 of the AWS CLI, as AWS builds it.
pub const AWS_CLI_2: Tool = Tool { variable: "KECS_AWS_CLI_2", what: "version 2 of the AWS CLI" };

/// A Python with LocalStack.
pub const LOCALSTACK: Tool = Tool { variable: "KECS_TEST_LOCALSTACK_PYTHON", what: "a Python with LocalStack" };

/// The folder of a program.
pub const PLUGIN: Tool = Tool { variable: "KECS_SESSION_MANAGER_PLUGIN", what: "AWS's Session Manager plugin" };

/// A program with the AWS SDK for Go, from `e2e/programs/go`.
pub(crate) const SDK_FOR_GO: Tool = Tool { variable: "KECS_TEST_SDK_FOR_GO", what: "a program that is built with Go" };

/// A program with the AWS SDK for JavaScript, from `e2e/programs/javascript`.
pub(crate) const SDK_FOR_JAVASCRIPT: Tool = Tool { variable: "KECS_TEST_SDK_FOR_JAVASCRIPT", what: "a program for Node.js" };

impl Tool {
    /// Where it is, if it is there.
    pub fn path(self) -> Option<PathBuf> {
        std::env::var_os(self.variable).map(PathBuf::from)
    }
}

/// Those that are there, by their variables.
pub(crate) fn found() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let all = [CLIENTS, AWS_CLI_2, PLUGIN, LOCALSTACK, SDK_FOR_GO, SDK_FOR_JAVASCRIPT];
    all.into_iter().filter_map(|tool| Some((tool.variable, tool.path()?)))
}

/// Why a test that needs these things cannot run, if one is not there.
pub(crate) fn lacking(tools: &[Tool]) -> Option<String> {
    let missing: Vec<&str> = tools.iter().filter(|tool| tool.path().is_none()).map(|tool| tool.what).collect();
    (!missing.is_empty()).then(|| format!("needs {}; `cargo xtask test` brings that", missing.join(" and ")))
}

/// Whether nothing may be skipped.
pub(crate) fn all_are_required() -> bool {
    std::env::var_os("KECS_TEST_REQUIRE").is_some_and(|value| !value.is_empty() && value != "0")
}
