//! Where the ports of tasks are reached.

use std::time::Duration;

use kecs_core::task_spec::NetworkMode;
use kecs_core::testing::task_manager::Harness;
use kecs_core::{TaskObservation, TaskSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{OnCluster, cluster, running, task};

/// A task that serves its network mode's name over HTTP.
fn serving(mode: NetworkMode, port: u16, host_port: Option<u16>) -> TaskSpec {
    let line = format!("mkdir /www; echo {mode:?} >/www/index.html; httpd -p {port} -h /www; sleep 600 & wait");
    TaskSpec { network_mode: mode, ..task([running("app", &line).port(port, host_port)]) }
}

/// What is served at a port of the node, once anybody listens there.
async fn served(cluster: &OnCluster, spec: &TaskSpec, port: u16) -> String {
    let pod = cluster.pods().await.get(&format!("task-{}", spec.task.id)).await.expect("it is there");
    let node = pod.status.and_then(|status| status.host_ip).expect("it is on the node");
    let asked = async {
        let mut again = tokio::time::interval(Duration::from_millis(200));
        loop {
            again.tick().await;
            let Ok(mut stream) = TcpStream::connect((node.as_str(), port)).await else { continue };
            let mut answer = String::new();
            let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await;
            if asked.is_ok() && stream.read_to_string(&mut answer).await.is_ok() && !answer.is_empty() {
                return answer;
            }
        }
    };
    tokio::time::timeout(cluster.patience(), asked).await.expect("somebody serves there")
}

fn host_port(seen: &TaskObservation) -> u16 {
    let [binding] = &seen.containers[0].network_bindings[..] else { panic!("one port is bound: {seen:#?}") };
    binding.host_port
}

#[tokio::test]
async fn a_task_on_the_host_s_network_is_reached_at_its_own_port() {
    let Some(cluster) = cluster("a_task_on_the_host_s_network_is_reached_at_its_own_port").await else { return };
    let spec = serving(NetworkMode::Host, 18080, Some(18080));
    cluster.ensure(&spec).await;
    assert_eq!(host_port(&cluster.until_running(&spec).await), 18080);
    let answer = served(&cluster, &spec, 18080).await;
    assert!(answer.ends_with("Host\n"), "{answer}");
    cluster.clean_up(&spec).await;
}

#[tokio::test]
async fn a_task_on_a_bridge_is_reached_at_the_port_that_was_asked_for_and_at_one_that_was_chosen() {
    let name = "a_task_on_a_bridge_is_reached_at_the_port_that_was_asked_for_and_at_one_that_was_chosen";
    let Some(cluster) = cluster(name).await else { return };
    for asked in [Some(18081), None] {
        let spec = serving(NetworkMode::Bridge, 8080, asked);
        cluster.ensure(&spec).await;
        let port = host_port(&cluster.until_running(&spec).await);
        assert_eq!(port, asked.unwrap_or(port));
        let answer = served(&cluster, &spec, port).await;
        assert!(answer.ends_with("Bridge\n"), "{answer}");
        cluster.clean_up(&spec).await;
    }
}
