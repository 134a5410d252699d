//! Requests to the kecs that runs: HTTP over a new connection each, blocking. Not worth a client library.
//!
//! HTTP/1.0, so that the server closes the connection behind each answer and sends no chunks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A process on this machine that does not answer for so long will not.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Beside `host`, `content-type` (JSON unless it is named here) and `content-length`.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a str,
    /// How long the server may be silent.
    pub(crate) patience: Option<Duration>,
}

impl<'a> Request<'a> {
    /// A request for a page.
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, headers: &[], body: "", patience: Some(TIMEOUT) }
    }

    /// A request with a body of JSON.
    pub(crate) fn post(path: &'a str, body: &'a str) -> Self {
        Self { method: "POST", body, ..Self::get(path) }
    }

    /// Sends it to `endpoint` (`http://HOST:PORT`), and returns the answer's status and body.
    pub(crate) fn send(&self, endpoint: &str) -> io::Result<(u16, String)> {
        let (status, mut body) = self.open(endpoint)?;
        let mut text = String::new();
        body.read_to_string(&mut text)?;
        Ok((status, text))
    }

    /// Sends it to `endpoint`, and returns the answer's status and its body as it comes.
    pub(crate) fn open(&self, endpoint: &str) -> io::Result<(u16, impl BufRead + use<>)> {
        let Self { method, path, headers, body, patience } = *self;
        let authority = endpoint.strip_prefix("http://").ok_or_else(|| io::Error::other("not an http endpoint"))?;
        let mut stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(patience)?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = format!("{method} {path} HTTP/1.0\r\nhost: {authority}\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            head += "content-type: application/json\r\n";
        }
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut answer = BufReader::new(stream);
        let status = read_head(&mut answer)?;
        Ok((status, answer))
    }
}

/// Reads the head of an answer, and returns its status.
fn read_head(answer: &mut impl BufRead) -> io::Result<u16> {
    let not_http = || io::Error::other("the answer is not HTTP");
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(not_http)?;
    loop {
        line.clear();
        if answer.read_line(&mut line)? == 0 {
            return Err(not_http());
        }
        if line.trim_end().is_empty() {
            return Ok(status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read() {
        let mut answer = "HTTP/1.0 202 Accepted\r\ncontent-length: 2\r\n\r\n{}".as_bytes();
        assert_eq!(read_head(&mut answer).unwrap(), 202);
        assert_eq!(answer, b"{}");
        for wrong in ["SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\nserver: x\r\n", ""] {
            assert!(read_head(&mut wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
