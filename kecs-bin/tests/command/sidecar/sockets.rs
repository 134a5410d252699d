//! Endpoints on plain sockets, in threads, and a client that reads to the end.

#![allow(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// How many bytes of a large body are made at a time.
pub(crate) const PART: usize = 64 * 1024;

/// An endpoint.
pub(crate) struct Upstream {
    address: String,
    asked: Receiver<String>,
    answers: Sender<Vec<u8>>,
}

impl Upstream {
    /// One that gives this answer to each request and closes the connection after it.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::serving(move |stream, asked, _| {
            let request = read_request(stream);
            stream.write_all(answer)?;
            // Whoever waits for it may be gone.
            let _ = asked.send(request);
            Ok(())
        })
    }

    /// One that answers each request with what this makes of it, on connections that stay open.
    pub(crate) fn answering_each(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::serving(move |stream, asked, _| {
            loop {
                let request = read_request(stream);
                if request.is_empty() {
                    return Ok(());
                }
                stream.write_all(answer(&request).as_bytes())?;
                let _ = asked.send(request);
            }
        })
    }

    /// One that answers when it is told to.
    pub(crate) fn waiting() -> Self {
        Self::serving(|stream, asked, answers| {
            let request = read_request(stream);
            let _ = asked.send(request);
            let answer = answers.lock().unwrap().recv().unwrap_or_default();
            stream.write_all(&answer)
        })
    }

    /// One that answers with the body that it is sent, as it comes.
    pub(crate) fn echoing() -> Self {
        Self::serving(|stream, _, _| {
            let head = read_head(stream);
            let length = content_length(&head);
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")?;
            std::io::copy(&mut stream.try_clone()?.take(length), stream).map(drop)
        })
    }

    /// An address where nobody listens.
    pub(crate) fn nobody() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { address, asked: channel().1, answers: channel().0 }
    }

    fn serving(
        serve: impl Fn(&mut TcpStream, &Sender<String>, &Mutex<Receiver<Vec<u8>>>) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (asked_sender, asked) = channel();
        let (answers, answers_receiver) = channel();
        let (serve, answers_receiver) = (Arc::new(serve), Arc::new(Mutex::new(answers_receiver)));
        // The threads end with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, asked, answers) = (Arc::clone(&serve), asked_sender.clone(), Arc::clone(&answers_receiver));
                std::thread::spawn(move || serve(&mut stream.unwrap(), &asked, &answers));
            }
        });
        Self { address, asked, answers }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, whole.
    pub(crate) fn asked(&self) -> String {
        self.asked.recv().unwrap()
    }

    pub(crate) fn answer(&self, answer: &[u8]) {
        self.answers.send(answer.to_vec()).unwrap();
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

fn read_request(stream: &mut TcpStream) -> String {
    let head = read_head(stream);
    let mut body = vec![0; usize::try_from(content_length(&head)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn content_length(head: &str) -> u64 {
    head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap())
}

/// Sends a request and reads until the connection ends, however it does.
pub(crate) fn exchange(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(read @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..read]);
    }
    String::from_utf8(answer).unwrap()
}

pub(crate) fn status_of(answer: &str) -> u16 {
    answer.get(9..12).unwrap_or_default().parse().unwrap_or_default()
}

pub(crate) fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A part of a large body: no two are alike, so that one that is lost, doubled or swapped is seen.
pub(crate) fn part(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(PART / 8)
}

/// Reads an answer and compares its body with the parts; how long it was.
pub(crate) fn check_parts(mut stream: TcpStream) -> u64 {
    let head = read_head(&mut stream);
    assert_eq!(status_of(&head), 200, "{head}");
    let (mut number, mut received) = (0, vec![0; PART]);
    while stream.read_exact(&mut received).is_ok() {
        assert!(received == part(number), "part {number}");
        number += 1;
    }
    number * PART as u64
}
