//! Links the program with its relative relocations packed, where what it is built on can load it: they are 1.2 MB otherwise.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    let for_this_machine = env::var("HOST").is_ok_and(|host| is("TARGET", &host));
    if for_this_machine && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && loader_unpacks() {
        // A linker that does not know it warns, and goes on without.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library is glibc 2.36 or newer (`DT_RELR` in its release notes).
fn loader_unpacks() -> bool {
    let Ok(answer) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let version = String::from_utf8_lossy(&answer.stdout).trim().strip_prefix("glibc ").and_then(|version| {
        let (major, minor) = version.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.split('.').next()?.parse::<u32>().ok()?))
    });
    version.is_some_and(|version| version >= (2, 36))
}
