//! The whole path: SSM's GetParameter asked of LocalStack, and of KECS in front of it, by a client that keeps its connection and by the AWS CLI.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::{Caller, Load, Mode, Table, aws, load_requests, pin_client, print, start_gateway, start_localstack};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

/// As an SDK signs a request of SSM; nobody looks at the signature.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/ssm/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024";
const GET: &[&str] = &["ssm", "get-parameter", "--name", "bench", "--query", "Parameter.Value", "--output", "text"];

fn main() -> Result<()> {
    let mode = Mode::from_arguments();
    pin_client()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(mode))
}

async fn run(mode: Mode) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let localstack = match start_localstack(folder.path())? {
        Ok(localstack) => localstack,
        Err(missing) => {
            print(&format!("not measured, since it is not here: {missing}"));
            return Ok(());
        }
    };
    let kecs = start_gateway(localstack.address, &folder.path().join("kecs"))?;
    let body = r#"{"Name":"bench","Value":"value","Type":"String"}"#;
    Caller::new(kecs.address).send(ssm(kecs.address, "PutParameter", body)).await?;

    let table = Table::new("GetParameter, the whole path", &["asked", "client", "p50", "p99"]);
    for server in [&localstack, &kecs] {
        let address = server.address;
        let load = load_requests(address, 1, mode.duration(), move |_| ssm(address, "GetParameter", r#"{"Name":"bench"}"#)).await?;
        table.row(&row(server.name, "one connection, kept", &load));
    }
    // In turns, so that whatever else the machine does meets both.
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..mode.pick(30, 1) {
        for (server, took) in [&localstack, &kecs].into_iter().zip(&mut took) {
            let Some(time) = command(server.address)? else {
                print("not measured, since it is not here: the AWS CLI (cargo xtask test --only clients installs it)");
                return Ok(());
            };
            took.push(time);
        }
    }
    for (server, took) in [&localstack, &kecs].into_iter().zip(took) {
        let all = took.iter().sum();
        table.row(&row(server.name, "aws ssm get-parameter", &Load::of(took, all)));
    }
    Ok(())
}

fn ssm(address: SocketAddr, operation: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", address.to_string())
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AmazonSSM.{operation}"))
        .header("x-amz-date", "20261122T120000Z")
        .header("authorization", AUTHORIZATION)
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .expect("it is well-formed")
}

/// Runs the AWS CLI once.
fn command(address: SocketAddr) -> Result<Option<Duration>> {
    let Some(mut command) = aws(address, GET) else { return Ok(None) };
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().context("cannot run the AWS CLI")?;
    let took = started.elapsed();
    if output.stdout != b"value\n" {
        bail!("the AWS CLI answers {output:?}");
    }
    Ok(Some(took))
}

fn row(asked: &str, client: &str, load: &Load) -> [String; 4] {
    let ms = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    [asked.to_owned(), client.to_owned(), ms(load.percentile(50)), ms(load.percentile(99))]
}
