//! Clients keep their connections open: there may be more of them than files that a program begins with.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::THROW_AWAY;
use crate::harness::{Place, Running};

/// More than a library takes unasked, and than [`BEGINS_WITH`] allows.
const MANY: usize = 700;
const BEGINS_WITH: u32 = 512;
/// An idle connection is closed after a minute: whoever waits for that is late.
const SOON: Duration = Duration::from_secs(20);

fn all_are_answered(running: &Running) {
    // The clients are all in this process.
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("what is allowed may be asked for");
    let mut open = Vec::new();
    for nth in 0..MANY {
        let mut stream = TcpStream::connect(running.authority()).expect("it listens");
        stream.set_read_timeout(Some(SOON)).expect("it can be set");
        write!(stream, "GET /_kecs/ready HTTP/1.1\r\nhost: {}\r\n\r\n", running.authority()).expect("it is open");
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap_or_else(|error| panic!("no answer on connection {nth}: {error}"));
        assert_eq!(&status, b"HTTP/1.1 200");
        open.push(stream);
    }
}

#[test]
fn hundreds_of_idle_connections_keep_nobody_out() {
    let place = Place::new();
    let arguments = [&["start", "--listen", "127.0.0.1:0"][..], &THROW_AWAY].concat();
    all_are_answered(&Running::of(&mut place.kecs_with_open_files(BEGINS_WITH, &arguments)));
}

#[test]
fn nor_at_a_sidecar() {
    let place = Place::new();
    let arguments = ["sidecar", "--listen", "127.0.0.1:0", "--kecs-endpoint", "http://127.0.0.1:9"];
    all_are_answered(&Running::of(&mut place.kecs_with_open_files(BEGINS_WITH, &arguments)));
}
