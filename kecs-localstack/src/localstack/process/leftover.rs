//! What is still there of an emulator: found by the mark that all of its processes carry, whoever their parent is now, and ended.

use std::io;
use std::path::{Path, PathBuf};

use super::MARK;

/// Ends every process with this mark and waits until they are gone.
pub(super) async fn end(mark: PathBuf) -> io::Result<()> {
    end_all(move |found| found == mark).await
}

/// Ends every process whose mark lies below this one.
pub(super) async fn end_below(mark: PathBuf) -> io::Result<()> {
    end_all(move |found| found.starts_with(&mark)).await
}

async fn end_all(is_ours: impl Fn(&Path) -> bool + Send + 'static) -> io::Result<()> {
    let is_marked = move |pid| kecs_process::value(pid, MARK).is_some_and(|mark| is_ours(Path::new(&mark)));
    tokio::task::spawn_blocking(move || end_until_none_is_left(&is_marked)).await.map_err(io::Error::other)?
}

/// Again and again, since one that is not killed yet may start another.
fn end_until_none_is_left(is_marked: &dyn Fn(i32) -> bool) -> io::Result<()> {
    loop {
        let mut found = false;
        for pid in kecs_process::ids().filter(|&pid| is_marked(pid)) {
            found = true;
            kecs_process::kill_and_wait(pid, || is_marked(pid))?;
        }
        if !found {
            return Ok(());
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use tokio::process::Command;

    use super::MARK;

    #[tokio::test]
    async fn one_that_is_just_being_loaded_is_ended_too() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("again");
        std::fs::write(&script, "exec sh \"$0\"").unwrap();
        for _ in 0..50 {
            // It becomes itself again and again.
            let mut started = Command::new("sh").arg(&script).env(MARK, folder.path()).kill_on_drop(true).spawn().unwrap();
            super::end(folder.path().to_owned()).await.unwrap();
            tokio::time::timeout(Duration::from_secs(10), started.wait()).await.expect("it has ended").unwrap();
        }
    }
}
