//! Whether this machine can run clusters.

use std::process::Command;

use super::{debian, kubernetes};
use crate::test::process;

/// What this machine lacks, with a way out; nothing when it can run clusters.
pub(crate) fn lacking() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("it needs Linux".to_owned());
    }
    if !is_root() {
        return Some("it needs root, for namespaces and cgroups; run this as root or in a virtual machine".to_owned());
    }
    if !process::succeeds(Command::new("unshare").args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "true"])) {
        return Some("this machine allows no namespaces of one's own (`unshare --net --mount --pid --fork true`)".to_owned());
    }
    if !allows_cgroups() {
        return Some("this machine allows no cgroups of one's own; a container needs --privileged".to_owned());
    }
    if !kubernetes::is_there() && !process::succeeds(Command::new("go").arg("version")) {
        return Some("Kubernetes is built with Go; install Go 1.26".to_owned());
    }
    if !debian::is_there() && !process::succeeds(Command::new("apt-get").arg("--version")) {
        return Some("containerd and others are taken from Debian's packages; use Debian or a relative of it".to_owned());
    }
    None
}

/// By making one: a writable folder tells little in a container.
fn allows_cgroups() -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut roots = mounts.lines().filter_map(|mount| {
        let mut words = mount.split(' ').skip(1);
        let (root, kind) = (words.next()?, words.next()?);
        kind.starts_with("cgroup").then_some(root)
    });
    roots.next().is_some_and(|root| {
        let trial = format!("{root}/kecs-trial-{}", std::process::id());
        std::fs::create_dir(&trial).and_then(|()| std::fs::remove_dir(&trial)).is_ok()
    })
}

/// Whether this is root, and not only in a user namespace, where the kubelet cannot set what it must.
fn is_root() -> bool {
    let every_user_is_itself = std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().collect::<Vec<_>>() == ["0", "0", "4294967295"]);
    every_user_is_itself && Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
