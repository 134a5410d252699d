//! With which environment a process was started.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

use rustix::event::Timespec;
use zeroize::Zeroizing;

/// How often an environment is read that is empty, and what is waited between.
const READS: u32 = 1_000;
const BETWEEN_READS: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// The value of a variable with which the process was started. `None` as well if the process has ended, or may not be looked into.
///
/// A process that is just loading a program is asked again, for a second at most.
#[must_use]
pub fn value(pid: i32, variable: &str) -> Option<OsString> {
    let variables = environment(pid).ok()?;
    variables.split(|&byte| byte == 0).find_map(|found| {
        let value = found.strip_prefix(variable.as_bytes())?.strip_prefix(b"=")?;
        Some(OsStr::from_bytes(value).to_owned())
    })
}

/// In memory that is wiped, since tasks have secrets there. An environment is empty while a program is being loaded, even where both the program before and this one have one: so an empty one is read again.
fn environment(pid: i32) -> io::Result<Zeroizing<Vec<u8>>> {
    for _ in 0..READS {
        let variables = read_at_once(&format!("/proc/{pid}/environ"))?;
        if !variables.is_empty() || !has_variables_to_come(pid)? {
            return Ok(variables);
        }
        rustix::event::poll(&mut [], Some(&BETWEEN_READS))?;
    }
    Ok(Zeroizing::default())
}

/// What comes with one call is of one program. [`fs::read`] makes several, of which the later ones find nothing once another program is loaded.
fn read_at_once(path: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    const STEP: usize = 128 * 1024;
    let mut file = File::open(path)?;
    let mut content = Zeroizing::new(Vec::new());
    loop {
        let before = content.len();
        // What grows in place leaves a copy behind.
        let mut longer = Zeroizing::new(Vec::with_capacity(before + STEP));
        longer.extend_from_slice(&content);
        longer.resize(before + STEP, 0);
        let read = file.read(&mut longer[before..])?;
        longer.truncate(before + read);
        content = longer;
        if read < STEP {
            return Ok(content);
        }
    }
}

/// Whether it has a program (unlike a thread of the kernel, and one that has ended), but was not found to be without variables.
fn has_variables_to_come(pid: i32) -> io::Result<bool> {
    if fs::read_link(format!("/proc/{pid}/exe")).is_err() {
        return Ok(false);
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Fields of proc_pid_stat(5): start_code (26) is the last to be set, env_start (50) and env_end (51) are there by then. After the name in
    // parentheses comes field 3.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let field = |number: usize| fields.split_ascii_whitespace().nth(number - 3);
    Ok(field(26) == Some("0") || field(50) != field(51))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    /// Ends it however the test ends.
    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn running(command: &mut Command) -> (Running, i32) {
        let child = command.spawn().expect("it starts");
        let pid = child.id().try_into().expect("ids are positive");
        (Running(child), pid)
    }

    #[test]
    fn a_variable_has_the_value_that_the_process_was_started_with() {
        let (_running, pid) = running(Command::new("sleep").arg("60").env("MARK", "a=b").env("MARK_2", "c"));
        assert_eq!(value(pid, "MARK").unwrap(), "a=b");
        assert_eq!(value(pid, "MAR"), None);
    }

    #[test]
    fn a_variable_is_found_behind_many_others() {
        let long = "x".repeat(100_000);
        let mut command = Command::new("sleep");
        command.arg("60").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        let (_running, pid) = running(command.env("A", &long).env("B", &long).env("MARK", "there"));
        assert_eq!(value(pid, "MARK").unwrap(), "there");
    }

    #[test]
    fn a_process_without_variables_has_no_value() {
        let sleep = ["/usr/bin/sleep", "/bin/sleep"].into_iter().find(|path| fs::exists(path).unwrap()).unwrap();
        let (_running, pid) = running(Command::new(sleep).arg("60").env_clear());
        assert_eq!(value(pid, "MARK"), None);
    }

    #[test]
    fn a_process_that_has_ended_has_no_value() {
        let mut child = Command::new("true").env("MARK", "a").spawn().unwrap();
        let pid = child.id().try_into().unwrap();
        child.wait().unwrap();
        assert_eq!(value(pid, "MARK"), None);
    }

    #[test]
    fn a_process_that_loads_one_program_after_the_other_always_has_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("again");
        fs::write(&script, "exec sh \"$0\"").unwrap();
        let (_running, pid) = running(Command::new("sh").arg(&script).env("MARK", "there"));
        for _ in 0..500 {
            assert_eq!(value(pid, "MARK").unwrap(), "there");
        }
    }
}
