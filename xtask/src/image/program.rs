//! The program of an image: static, so that it runs where there is nothing else.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::workspace;

/// What separates the compiler's options in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// What this machine lacks to build static programs, with a way out; nothing when it can.
pub(crate) fn lacking() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("images are for Linux, and are built there".to_owned());
    }
    // A compiler that does not find a file answers with the bare name.
    let asked = Command::new("cc").arg("-print-file-name=libc.a").output();
    let has_libc = asked.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).starts_with('/'));
    (!has_libc).then(|| "there is no C compiler with a static C library; install gcc and libc6-dev, or glibc-static".to_owned())
}

/// Builds a program of `kecs-bin` with the profile `image`, and tells where it is.
///
/// The C library is the machine's static one. Since 2.34 glibc's looks up names by DNS and `/etc/hosts` without loading anything.
pub(super) fn build(name: &str) -> Result<PathBuf> {
    if let Some(why) = lacking() {
        bail!("no image can be made here: {why}");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .current_dir(workspace::root())
        .args(["build", "--locked", "--profile", "image", "--package", "kecs-bin", "--bin", name])
        // A target that is named, or the options would be those of build scripts and macros as well, which cannot be static.
        .args(["--target", &host()?, "--message-format", "json-render-diagnostics"])
        .env("CARGO_ENCODED_RUSTFLAGS", options());
    let built = build.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(built.status.success(), "the program {name} does not build; see above");
    let said = String::from_utf8_lossy(&built.stdout);
    said.lines().find_map(|line| program(line, name)).with_context(|| format!("cargo does not say where the program {name} is"))
}

/// Static, and without the paths of this machine, which would make a different program of the same sources.
fn options() -> String {
    let mut options = vec!["-C".to_owned(), "target-feature=+crt-static".to_owned()];
    for (folder, name) in [(Some(workspace::root()), "/kecs"), (cargo_home(), "/cargo")] {
        let Some(folder) = folder else { continue };
        options.extend(["--remap-path-prefix".to_owned(), format!("{}={name}", folder.display())]);
    }
    options.join(SEPARATOR)
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// The target of this machine, `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let said = workspace::run(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say what its host is")?;
    Ok(host.to_owned())
}

/// The program in a line of cargo's JSON, if it tells of it.
fn program(line: &str, name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        executable: PathBuf,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let message: Message = serde_json::from_str(line).ok()?;
    (message.target.name == name).then_some(message.executable)
}

/// Whether a program needs no loader: an ELF file of 64 bits without a segment that names one.
pub(crate) fn is_static(elf: &[u8]) -> bool {
    /// The type of the segment with the loader's path, PT_INTERP in elf(5).
    const INTERPRETER: u32 = 3;
    let u16_at = |at: usize| elf.get(at..at + 2).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    // e_phoff, e_phentsize and e_phnum of the header.
    let table = elf.get(32..40).and_then(|bytes| usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok());
    let (Some(table), Some(size), Some(count)) = (table, u16_at(54), u16_at(56)) else { return false };
    let kind = |nth: usize| {
        elf.get(table + nth * size..)?.get(..4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    elf.starts_with(b"\x7fELF\x02\x01") && count > 0 && (0..count).all(|nth| kind(nth).is_some_and(|kind| kind != INTERPRETER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"kecs"},"executable":"/t/kecs"}"#;
        assert_eq!(program(line, "kecs"), Some("/t/kecs".into()));
        assert_eq!(program(line, "kecs-sidecar"), None);
        assert_eq!(program(r#"{"reason":"build-finished","success":true}"#, "kecs"), None);
    }

    #[test]
    fn a_program_that_names_a_loader_is_not_static() {
        // This one: tests are linked dynamically wherever programs are.
        if cfg!(not(target_feature = "crt-static")) {
            assert!(!is_static(&std::fs::read(std::env::current_exe().unwrap()).unwrap()));
        }
        assert!(!is_static(b"#!/bin/sh"));
    }
}
