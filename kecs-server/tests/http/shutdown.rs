//! How a server ends.

use std::time::Duration;

use kecs_server::EndpointConfig;
use tokio::net::TcpStream;

use crate::support::{FakeEcs, body, config, ecs, send, serve};

#[tokio::test]
async fn requests_in_hand_are_finished() {
    let fake = FakeEcs::new();
    let server = serve(EndpointConfig::new(fake.clone())).await;
    let address = server.local_addr();
    let client = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(ecs("CreateCluster").body(body("{}")).unwrap()).await.unwrap().status()
    });
    fake.entered.acquire().await.unwrap().forget();
    let stopping = tokio::spawn(server.shutdown());
    fake.release.add_permits(1);
    assert_eq!(client.await.unwrap(), 200);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn requests_that_do_not_finish_are_given_up() {
    let fake = FakeEcs::new();
    let mut config = EndpointConfig::new(fake.clone());
    config.limits.shutdown_grace = Duration::from_millis(20);
    let server = serve(config).await;
    let stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let client = tokio::spawn(async move { sender.send_request(ecs("CreateCluster").body(body("{}")).unwrap()).await.is_err() });
    fake.entered.acquire().await.unwrap().forget();
    server.shutdown().await;
    assert!(client.await.unwrap());
}

#[tokio::test]
async fn a_dropped_server_stops_listening() {
    let server = serve(config()).await;
    assert_eq!(send(&server, ecs("ListClusters").body(body("{}")).unwrap()).await.status(), 200);
    let address = server.local_addr();
    drop(server);
    // The accept loop sees it when it is next run, which connecting makes it do.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
