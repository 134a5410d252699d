//! A stand-in for LocalStack: a program by the name of its Python, for which the test answers.
#![allow(clippy::unwrap_used, reason = "a test's helpers panic as the test itself does")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use serde_json::{Map, json};

use super::harness::Place;

/// What it serves if it is not told, and all that it knows.
const SERVICES: [&str; 4] = ["logs", "s3", "sqs", "ssm"];

/// For `--localstack-python`: says what it was told to be, writes its id into its folder, and runs until it is ended. Where it listens, there this test answers about its health.
pub(crate) fn stand_in(place: &Place) -> PathBuf {
    let told = place.pipe("told");
    // With a writer of its own it has no end.
    let lines = BufReader::new(OpenOptions::new().read(true).write(true).open(&told).unwrap()).lines();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let (address, services) = line.split_once(' ').unwrap();
            let listener = TcpListener::bind(address).unwrap();
            let health = health(services);
            std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), &health)));
        }
    });
    let script = format!(
        "echo \"stand-in, with services '$SERVICES'\"\necho $$ > pid\nprintf %s \"$LOCALSTACK_AUTH_TOKEN\" > {}\n\
         echo \"$GATEWAY_LISTEN $SERVICES\" > {}\nexec sleep 1000",
        token_of(place).display(),
        told.display()
    );
    place.script("localstack-python", &script)
}

/// The file in which the stand-in keeps its token.
pub(crate) fn token_of(place: &Place) -> PathBuf {
    place.path().join("its-token")
}

fn health(chosen: &str) -> String {
    let is_served = |name: &str| chosen.is_empty() || chosen.split(',').any(|chosen| chosen == name);
    let state = |name| if is_served(name) { "available" } else { "disabled" };
    let services: Map<_, _> = SERVICES.iter().map(|&name| (name.to_owned(), state(name).into())).collect();
    json!({ "services": services, "edition": "community", "version": "4.14.0" }).to_string()
}

/// One request a connection, and the same answer to all.
fn answer(mut stream: TcpStream, body: &str) {
    let mut head = [0; 4096];
    if stream.read(&mut head).is_ok_and(|read| read > 0) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        // Who asked may have been ended.
        let _ = stream.write_all(answer.as_bytes());
    }
}
