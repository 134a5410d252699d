//! Whether this machine can run clusters.

use std::process::Command;

use super::{debian, kubernetes};
use crate::test::process;

/// What this machine lacks, with a way out; nothing when it can run clusters.
pub(crate) fn lacking() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("they need Linux".to_owned());
    }
    if !is_root() {
        return Some("they need root; run this as root or in a virtual machine".to_owned());
    }
    if !process::succeeds(Command::new("unshare").args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "true"])) {
        return Some("this machine allows no namespaces of one's own (`unshare --net --mount --pid --fork true`)".to_owned());
    }
    if !kubernetes::is_there() && !process::succeeds(Command::new("go").arg("version")) {
        return Some("Kubernetes is built with Go; install Go 1.26".to_owned());
    }
    if !debian::is_there() && !process::succeeds(Command::new("apt-get").arg("--version")) {
        return Some("containerd and others are taken from Debian's packages; use Debian or a relative of it".to_owned());
    }
    None
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
