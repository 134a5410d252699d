//! A port of loopback that leads to a LocalStack through the API server, for who cannot reach its Service.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Pod;
use kecs_core::{BackendError, ErrorKind};
use kube::Api;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::manifest::PORT;

/// Forwards until it is dropped.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) port: u16,
    work: AbortHandle,
}

impl Forward {
    /// Listens on this port, or a free one, for the pod of this name.
    pub(super) async fn open(pods: Api<Pod>, pod: String, port: Option<u16>) -> Result<Self, BackendError> {
        let listening = async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
            let port = listener.local_addr()?.port();
            Ok::<_, std::io::Error>((listener, port))
        };
        let (listener, port) = listening.await.map_err(|error| {
            let what = format!("port {} of 127.0.0.1, from which it would be forwarded, is taken", port.unwrap_or(0));
            BackendError::new(ErrorKind::Invalid, what).with_source(error)
        })?;
        let work = tokio::spawn(serve(listener, pods, pod)).abort_handle();
        Ok(Self { port, work })
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn serve(listener: TcpListener, pods: Api<Pod>, pod: String) {
    // Their end is that of the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connect(stream, pods.clone(), pod.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection to a LocalStack was not accepted"),
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connect(mut near: TcpStream, pods: Api<Pod>, pod: String) {
    let mut forwarder = match pods.portforward(&pod, &[PORT]).await {
        Ok(forwarder) => forwarder,
        Err(error) => {
            tracing::debug!(pod, error = crate::error::words(&error), "a connection to a LocalStack was not forwarded");
            return;
        }
    };
    let Some(mut far) = forwarder.take_stream(PORT) else { return };
    if let Err(error) = copy_bidirectional(&mut near, &mut far).await {
        tracing::debug!(pod, %error, "a connection to a LocalStack broke");
    }
    let _ = far.shutdown().await;
}
