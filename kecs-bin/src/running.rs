//! The kecs that runs on a data folder, as commands ask it: through its admin API.

use std::io::{BufRead, Read};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::data_dir::Holder;
use crate::failure::{Exit, Failure};
use crate::http_client::Request;
use crate::status;

/// A running kecs.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    endpoint: String,
}

impl Server {
    /// The kecs that runs on the data folder.
    ///
    /// # Errors
    /// When none does, or it is only starting.
    pub(crate) fn find(data_dir: &Path) -> Result<Self, Failure> {
        let running = status::find(data_dir)?.ok_or_else(|| status::not_running(data_dir))?;
        match running.holder {
            Some(Holder { endpoint: Some(endpoint), .. }) => Ok(Self { endpoint }),
            _ => Err(Failure::new(Exit::Unavailable, "kecs is starting and cannot be asked yet", "try again")),
        }
    }

    /// What a page under `/_kecs/` says.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) fn get(&self, path: &str) -> Result<String, Failure> {
        self.whole(&Request::get(path))
    }

    /// Asks for a change under `/_kecs/`, and waits for it as long as `patience`.
    ///
    /// # Errors
    /// When it does not answer, or refuses: with the server's own words.
    pub(crate) fn post(&self, path: &str, body: &Value, patience: Duration) -> Result<String, Failure> {
        self.whole(&Request { patience: Some(patience), ..Request::post(path, &body.to_string()) })
    }

    /// Calls an operation of ECS, in the account and region that the server takes for requests which name none.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) fn ecs(&self, operation: &str, input: &Value) -> Result<String, Failure> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
        let headers = [("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.1")];
        self.whole(&Request { headers: &headers, ..Request::post("/", &input.to_string()) })
    }

    /// Reads a page under `/_kecs/` line by line as it comes, until it ends or `on_line` answers `false`.
    ///
    /// # Errors
    /// When it does not answer, refuses, or breaks off.
    pub(crate) fn lines(&self, path: &str, mut on_line: impl FnMut(&str) -> bool) -> Result<(), Failure> {
        let request = Request { patience: None, ..Request::get(path) };
        let (status, mut body) = request.open(&self.endpoint).map_err(|error| self.silent(&error))?;
        if status != 200 {
            let mut text = String::new();
            body.read_to_string(&mut text).map_err(|error| self.silent(&error))?;
            return Err(self.refused(status, &text));
        }
        for line in body.split(b'\n') {
            let line = line.map_err(|error| self.silent(&error))?;
            if !on_line(&String::from_utf8_lossy(&line)) {
                break;
            }
        }
        Ok(())
    }

    fn whole(&self, request: &Request<'_>) -> Result<String, Failure> {
        match request.send(&self.endpoint) {
            Ok((200..=299, body)) => Ok(body),
            Ok((status, body)) => Err(self.refused(status, &body)),
            Err(error) => Err(self.silent(&error)),
        }
    }

    fn refused(&self, status: u16, body: &str) -> Failure {
        let said: Value = serde_json::from_str(body).unwrap_or_default();
        let said = said["message"].as_str().map_or_else(|| format!("{} refused (HTTP {status})", self.endpoint), str::to_owned);
        Failure::line(Exit::Unavailable, said)
    }

    fn silent(&self, error: &std::io::Error) -> Failure {
        let what = format!("{} does not answer ({error})", self.endpoint);
        Failure::new(Exit::Unavailable, what, "look with `kecs status`")
    }
}
