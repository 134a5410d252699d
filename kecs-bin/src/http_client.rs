//! One small request to the kecs that runs: HTTP/1.1 over a new connection, blocking. Not worth a client library.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A process on this machine that does not answer for so long will not.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a request to `path` of `endpoint` (`http://HOST:PORT`) and returns the answer's status and body.
pub(crate) fn request(endpoint: &str, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let authority = endpoint.strip_prefix("http://").ok_or_else(|| io::Error::other("not an http endpoint"))?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-type: application/json\r\n");
    stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_body_are_read() {
        let answer = "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(answer), Some((202, "{}".to_owned())));
        assert_eq!(parse("SSH-2.0-OpenSSH_9.6\r\n"), None);
    }
}
