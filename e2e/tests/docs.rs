//! Every command that the README and the pages in `docs/` show is run, in order, and must print what they say.
//!
//! A block marked `console` holds commands after `$ ` and below each what it prints. `…` stands for any text in a line, and alone on its line
//! for any lines. The commands of a page share one shell and one server, and a standard input that does not end. The AWS CLI is that of version 2
//! where it is, as most users have it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::{AWS_CLI_2, CLIENTS, Kecs, LOCALSTACK, PLUGIN, binary};

/// What the pages call the server, whatever port it has here.
const ENDPOINT: &str = "http://127.0.0.1:5373";
/// Stands between the outputs of two commands.
const MARK: &str = "---- command ended ----";

/// One command of a page, and the lines that it must print.
struct Step {
    command: String,
    expected: Vec<String>,
}

#[test]
fn the_commands_of_the_pages_print_what_the_pages_say() {
    let Some(python) = CLIENTS.path() else {
        let why = "the AWS CLI is not here (cargo xtask test installs it)";
        assert!(std::env::var_os("KECS_TEST_REQUIRE").is_none(), "{why}");
        // The test harness would capture `eprintln!`.
        let _ = writeln!(std::io::stderr(), "skipped: the_commands_of_the_pages_print_what_the_pages_say: {why}");
        return;
    };
    if std::env::var_os("KECS_TEST_REQUIRE").is_some() {
        for tool in [AWS_CLI_2, LOCALSTACK, PLUGIN] {
            assert!(tool.path().is_some(), "{} is not set, and nothing may be skipped here", tool.variable);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages = vec![root.join("README.md")];
    pages.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut run = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let steps = steps(&fs::read_to_string(page).unwrap());
        if !steps.is_empty() {
            play(page, &steps, python.parent().unwrap());
            run += steps.len();
        }
    }
    assert!(run > 0, "no page shows a command");
}

/// The commands of a page's `console` blocks.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            steps.push(Step { command: command.to_owned(), expected: Vec::new() });
        } else if let Some(step) = steps.last_mut().filter(|_| inside) {
            // A command goes on in the next line after a backslash.
            if step.expected.is_empty() && step.command.ends_with('\\') {
                step.command.push('\n');
                step.command.push_str(line);
            } else {
                step.expected.push(line.to_owned());
            }
        }
    }
    steps
}

fn play(page: &Path, steps: &[Step], clients: &Path) {
    let kecs = match LOCALSTACK.path() {
        Some(python) => Kecs::start(&["--localstack-python", &python.to_string_lossy()]),
        None => Kecs::start(&["--localstack", "off"]),
    };
    let mut script = "exec 2>&1\n".to_owned();
    for step in steps {
        let command = step.command.replace(ENDPOINT, kecs.endpoint());
        script.extend([command.as_str(), "\necho '", MARK, "'\n"]);
    }
    let mut folders: Vec<PathBuf> = AWS_CLI_2.path().into_iter().collect();
    folders.extend([clients.to_owned(), binary().parent().expect("a program is in a folder").to_owned()]);
    folders.extend(PLUGIN.path());
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let path = std::env::join_paths(folders).expect("no folder has a colon in its name");
    // As of a terminal at which nobody types.
    let (input, _open) = std::io::pipe().expect("a pipe");
    let output = Command::new("bash")
        .stdin(Stdio::from(input))
        .args(["-u", "-c", &script])
        .env("PATH", path)
        // By which the pages' own `kecs` finds the server.
        .env("KECS_DATA_DIR", kecs.folder())
        .current_dir(kecs.folder())
        .output()
        .expect("bash can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    let printed = printed.replace(kecs.endpoint(), ENDPOINT);
    let mark = format!("{MARK}\n");
    let mut outputs = printed.split(&mark);
    for Step { command, expected } in steps {
        let output: Vec<&str> = outputs.next().unwrap_or_default().lines().collect();
        let fits = fits(expected, &output);
        assert!(fits, "{}: `{command}` printed\n{}\nthe page says\n{}", page.display(), output.join("\n"), expected.join("\n"));
    }
}

/// Whether lines are what is expected of them.
fn fits(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((any, rest)) if any == "…" => (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| line_fits(first, line) && fits(rest, lines)),
    }
}

fn line_fits(expected: &str, line: &str) -> bool {
    let (mut parts, exact) = (expected.split('…'), !expected.contains('…'));
    let line = line.trim_end();
    if exact {
        return line == expected.trim_end();
    }
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let (last, middle) = parts.split_last().expect("a wildcard parts a line in two");
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
