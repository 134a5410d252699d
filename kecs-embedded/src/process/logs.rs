//! A container's output for whoever asks: read from its files, whoever wrote them, and followed without polling.

use std::collections::VecDeque;
use std::io;

use futures::StreamExt;
use kecs_core::{BackendError, LogLine, LogQuery, LogStream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::folder::TaskFolder;
use super::output::LogReader;
use super::supervisor::control::Request;
use super::{link, unavailable};

/// The lines that `query` asks for. A container that is to wait for the reader does so from now on.
pub(super) async fn stream(folder: TaskFolder, container: String, query: LogQuery) -> Result<LogStream, BackendError> {
    let reader = LogReader::new(folder.logs(&container));
    let mut state = Reading {
        folder,
        container,
        query,
        reader: Some(reader),
        ready: VecDeque::new(),
        growth: None,
        told: None,
        step: Step::Begin,
    };
    if query.blocking {
        state.begin().await.map_err(failure)?;
    }
    let lines = futures::stream::try_unfold(state, |mut state| async { Ok(state.next().await?.map(|line| (line, state))) });
    Ok(lines.map(|line| line.map_err(failure)).boxed())
}

fn failure(error: io::Error) -> BackendError {
    unavailable("the log of the container cannot be read", error)
}

struct Reading {
    folder: TaskFolder,
    container: String,
    query: LogQuery,
    /// `None` only while it is away on a thread that may block.
    reader: Option<LogReader>,
    ready: VecDeque<LogLine>,
    /// A byte whenever there is more, and the end when there will be none.
    growth: Option<BufReader<UnixStream>>,
    /// The file that the container's supervisor knows this to be at, where that waits for it.
    told: Option<u64>,
    step: Step,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Begin,
    Read,
    /// Nobody writes any more: what is there is all.
    ReadLast,
}

impl Reading {
    async fn next(&mut self) -> io::Result<Option<LogLine>> {
        if self.step == Step::Begin {
            self.begin().await?;
        }
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            self.ready = self.read(LogReader::batch).await?.into();
            if !self.ready.is_empty() {
                continue;
            }
            match &mut self.growth {
                Some(growth) if self.step == Step::Read => {
                    let mut seen = [0; 64];
                    // Whatever ends the connection ends what it was to tell of.
                    if growth.read(&mut seen).await.unwrap_or(0) == 0 {
                        self.step = Step::ReadLast;
                    }
                }
                _ => return Ok(None),
            }
        }
    }

    async fn begin(&mut self) -> io::Result<()> {
        self.step = Step::ReadLast;
        if self.query.follow {
            let request = Request::Follow { container: self.container.clone(), blocking: self.query.blocking };
            // Without a supervisor there is nothing to wait for.
            if let Ok(mut growth) = link::open(&self.folder, &request).await {
                if self.query.blocking {
                    // Its first word: no file is removed from here on.
                    let _ = growth.fill_buf().await;
                }
                self.growth = Some(growth);
                self.step = Step::Read;
            }
        }
        if let Some(count) = self.query.tail {
            self.ready = self.read(move |reader| reader.tail(count)).await?.into();
        }
        Ok(())
    }

    async fn read(
        &mut self,
        work: impl FnOnce(&mut LogReader) -> io::Result<Vec<LogLine>> + Send + 'static,
    ) -> io::Result<Vec<LogLine>> {
        let mut reader = self.reader.take().ok_or_else(|| io::Error::other("the stream was given up while it read"))?;
        let (mut reader, lines) = tokio::task::spawn_blocking(move || {
            let lines = work(&mut reader);
            (reader, lines)
        })
        .await
        .map_err(io::Error::other)?;
        let files = reader.missed();
        if files > 0 {
            let folder = self.folder.logs(&self.container);
            tracing::warn!(folder = %folder.display(), files, "output was lost, since its files made room for newer ones before it was read");
        }
        let file = reader.file();
        self.reader = Some(reader);
        self.tell(file).await;
        lines
    }

    /// Tells the supervisor which file this is at, so that those before may go.
    async fn tell(&mut self, file: Option<u64>) {
        if let (true, Some(growth), Some(at)) = (self.query.blocking && file != self.told, &mut self.growth, file) {
            // An end of the connection shows where it is read.
            let _ = growth.write_all(format!("{at}\n").as_bytes()).await;
            self.told = file;
        }
    }
}
