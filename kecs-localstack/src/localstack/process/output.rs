//! What an emulator says: kept in two files, the older of which is forgotten, and told to those who listen.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::broadcast;

use crate::localstack::error::LocalStackError;

/// Where a line without an end is cut: a program that writes none must not fill the memory.
const LONGEST_LINE: usize = 16 * 1024;

/// How many lines a listener may be behind before some are left out.
const BACKLOG: usize = 1024;

/// The output of one instance, across its lives.
#[derive(Debug)]
pub(super) struct OutputLog {
    folder: PathBuf,
    limit: u64,
    inner: Mutex<Inner>,
    told: broadcast::Sender<Arc<str>>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    size: u64,
    last: Option<Arc<str>>,
}

impl OutputLog {
    /// Goes on after what is there. Each of the two files grows to about `limit` bytes.
    pub(super) fn open(folder: PathBuf, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let file = append_to(folder.join("output.log"))?;
        let size = file.metadata()?.len();
        Ok(Self { folder, limit, inner: Mutex::new(Inner { file, size, last: None }), told: broadcast::channel(BACKLOG).0 })
    }

    fn append(&self, line: &[u8]) {
        let line: Arc<str> = String::from_utf8_lossy(line).into();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // On a full disk it goes on without files; who listens still hears.
        if let Err(error) = inner.write(&line, self) {
            tracing::debug!(%error, "a line of an emulator cannot be kept");
        }
        if !line.trim().is_empty() {
            inner.last = Some(Arc::clone(&line));
        }
        // Nobody may listen.
        let _ = self.told.send(line);
    }

    /// The last line that was not empty since this was opened.
    pub(super) fn last_line(&self) -> Option<String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last.as_ref().map(|line| line.trim().to_owned())
    }

    /// What is kept, and a way to hear what comes after it. Blocks.
    fn read(&self, tail: Option<usize>) -> io::Result<(VecDeque<String>, broadcast::Receiver<Arc<str>>)> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.told.subscribe();
        let mut lines = VecDeque::new();
        for name in ["output.old.log", "output.log"] {
            let file = match File::open(self.folder.join(name)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => BufReader::new(file?),
            };
            for line in file.split(b'\n') {
                lines.push_back(String::from_utf8_lossy(&line?).into_owned());
                if tail.is_some_and(|tail| lines.len() > tail) {
                    lines.pop_front();
                }
            }
        }
        drop(inner);
        Ok((lines, told))
    }
}

impl Inner {
    fn write(&mut self, line: &str, log: &OutputLog) -> io::Result<()> {
        if self.size >= log.limit {
            fs::rename(log.folder.join("output.log"), log.folder.join("output.old.log"))?;
            self.file = append_to(log.folder.join("output.log"))?;
            self.size = 0;
        }
        let text = format!("{line}\n");
        self.file.write_all(text.as_bytes())?;
        self.size += text.len() as u64;
        Ok(())
    }
}

fn append_to(path: PathBuf) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Keeps what comes out of the pipe until its end.
pub(super) async fn keep(pipe: OwnedFd, log: Arc<OutputLog>) {
    let Ok(mut pipe) = pipe::Receiver::from_owned_fd(pipe) else { return };
    let (mut rest, mut buffer) = (Vec::new(), vec![0; 8 * 1024]);
    // An error is an end too.
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        for piece in buffer[..read].split_inclusive(|&byte| byte == b'\n') {
            rest.extend_from_slice(piece);
            if rest.last() == Some(&b'\n') {
                rest.pop();
            } else if rest.len() < LONGEST_LINE {
                continue;
            }
            log.append(&rest);
            rest.clear();
        }
    }
    if !rest.is_empty() {
        log.append(&rest);
    }
}

/// What is kept, the last `tail` lines of it, and then, with `follow`, what comes.
pub(super) fn lines(
    log: Result<Arc<OutputLog>, LocalStackError>,
    folder: PathBuf,
    tail: Option<usize>,
    follow: bool,
) -> BoxStream<'static, Result<String, LocalStackError>> {
    let begin = async move {
        let log = log?;
        let read = tokio::task::spawn_blocking(move || log.read(tail)).await.map_err(io::Error::other);
        let (kept, told) = read.and_then(|read| read).map_err(LocalStackError::folder(folder))?;
        let coming = follow.then(|| stream::unfold(told, next)).map_or_else(|| stream::empty().boxed(), StreamExt::boxed);
        Ok::<_, LocalStackError>(stream::iter(kept).chain(coming).map(Ok))
    };
    stream::once(begin).try_flatten().boxed()
}

async fn next(mut told: broadcast::Receiver<Arc<str>>) -> Option<(String, broadcast::Receiver<Arc<str>>)> {
    match told.recv().await {
        Ok(line) => Some((line.to_string(), told)),
        Err(broadcast::error::RecvError::Lagged(missed)) => Some((format!("({missed} lines were left out)"), told)),
        Err(broadcast::error::RecvError::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limit: u64) -> (tempfile::TempDir, Arc<OutputLog>) {
        let folder = tempfile::tempdir().unwrap();
        let log = OutputLog::open(folder.path().to_owned(), limit).unwrap();
        (folder, Arc::new(log))
    }

    async fn read(log: &Arc<OutputLog>, tail: Option<usize>) -> Vec<String> {
        lines(Ok(Arc::clone(log)), PathBuf::new(), tail, false).try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_and_the_oldest_forgotten() {
        let (folder, log) = log(100);
        for number in 0..1000 {
            log.append(format!("line {number}").as_bytes());
        }
        let kept = read(&log, None).await;
        assert_eq!(kept.last().unwrap(), "line 999");
        assert!(kept.len() < 40, "{} lines are kept", kept.len());
        assert_eq!(read(&log, Some(2)).await, ["line 998", "line 999"]);
        drop(log);
        let reopened = Arc::new(OutputLog::open(folder.path().to_owned(), 100).unwrap());
        assert_eq!(read(&reopened, Some(1)).await, ["line 999"]);
    }

    #[tokio::test]
    async fn a_follower_misses_nothing_and_hears_nothing_twice() {
        let (_folder, log) = log(1024);
        log.append(b"before");
        let mut followed = lines(Ok(Arc::clone(&log)), PathBuf::new(), None, true);
        assert_eq!(followed.next().await.unwrap().unwrap(), "before");
        log.append(b"after");
        assert_eq!(followed.next().await.unwrap().unwrap(), "after");
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_cut() {
        let (_folder, log) = log(1 << 20);
        let (reader, mut writer) = std::io::pipe().unwrap();
        let keeping = tokio::spawn(keep(reader.into(), Arc::clone(&log)));
        tokio::task::spawn_blocking(move || writer.write_all(&vec![b'x'; 3 * LONGEST_LINE]).unwrap()).await.unwrap();
        keeping.await.unwrap();
        let kept = read(&log, None).await;
        assert!(kept.len() >= 3 && kept.iter().all(|line| line.len() <= 2 * LONGEST_LINE), "{} lines", kept.len());
    }
}
