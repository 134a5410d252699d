//! The `Dockerfile` makes the images that `cargo xtask image` makes, as far as can be seen without Docker.

use std::fs;

use serde_json::{Value, json};

use super::{IMAGES, Image, KECS, SIDECAR, archive};
use crate::workspace;

/// An instruction of it, with its continued lines.
#[derive(Debug)]
struct Instruction {
    name: String,
    rest: String,
}

fn text(file: &str) -> String {
    fs::read_to_string(workspace::root().join(file)).unwrap()
}

/// Its instructions by its stages, each of which begins with FROM.
fn stages() -> Vec<Vec<Instruction>> {
    let text = text("Dockerfile").replace("\\\n", " ");
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(' ').unwrap();
        if name == "FROM" {
            stages.push(Vec::new());
        }
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        stages.last_mut().unwrap().push(Instruction { name: name.to_owned(), rest });
    }
    stages
}

/// What the only instruction of this name says.
fn said<'a>(stage: &'a [Instruction], name: &str) -> &'a str {
    let mut found = stage.iter().filter(|instruction| instruction.name == name);
    let only = found.next().unwrap_or_else(|| panic!("there is no {name}"));
    assert_eq!(found.count(), 0, "{name}");
    &only.rest
}

/// `key="value" …`, as JSON.
fn labels(text: &str) -> Value {
    let pairs = text.split("\" ").map(|pair| pair.trim_end_matches('"').split_once("=\"").unwrap());
    pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
}

fn stage(image: Image) -> Vec<Instruction> {
    let from = format!("scratch AS {}", image.name);
    stages().into_iter().find(|stage| stage[0].rest == from).unwrap_or_else(|| panic!("there is no {from}"))
}

#[test]
fn an_image_runs_the_same_program_in_the_same_way() {
    for image in IMAGES {
        let (stage, name) = (stage(image), image.name);
        assert_eq!(said(&stage, "COPY"), format!("--from=build /image/{name} /{name}"));
        let config = archive::config(image, "").unwrap()["config"].clone();
        let entry_point: Value = serde_json::from_str(said(&stage, "ENTRYPOINT")).unwrap();
        let told = json!({ "User": said(&stage, "USER"), "WorkingDir": said(&stage, "WORKDIR"), "Entrypoint": entry_point });
        assert_eq!(told, config, "{name}");
        assert_eq!(labels(said(&stage, "LABEL")), archive::annotations(image), "{name}");
    }
    assert_eq!(stages().len(), 1 + IMAGES.len());
}

#[test]
fn the_sidecar_is_meant_unless_another_is_named() {
    let last = stages().pop().unwrap();
    assert_eq!(last[0].rest, format!("scratch AS {}", SIDECAR.name));
    let text = text("Dockerfile");
    for usage in [format!("--tag {} .", SIDECAR.reference()), format!("--tag {} --target {} .", KECS.reference(), KECS.name)] {
        assert!(text.contains(&usage), "{usage}");
    }
}

#[test]
fn the_compiler_is_the_one_that_the_workspace_asks_for() {
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let build = stages().remove(0);
    assert_eq!(said(&build, "FROM"), format!("rust:{version}-slim-bookworm AS build"));
}

#[test]
fn what_is_built_is_in_the_context_and_what_was_built_is_not() {
    let build = stages().remove(0);
    assert_eq!(said(&build, "COPY"), ". .");
    let ignored = text(".dockerignore");
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for folder in [".git", "target", "fuzz/target"] {
        assert!(ignored.contains(&folder), "{folder}");
    }
    // Nothing that git knows is left out.
    let tracked = workspace::run(std::process::Command::new("git").arg("ls-files").current_dir(workspace::root())).unwrap();
    for file in tracked.lines() {
        let is_in = |folder: &str| file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        assert!(!ignored.iter().any(|folder| is_in(folder)), "{file}");
    }
}
