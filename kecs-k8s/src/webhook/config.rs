//! How an [`InjectionWebhook`](crate::InjectionWebhook) is set up.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// Settings of an [`InjectionWebhook`](crate::InjectionWebhook).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookConfig {
    /// Where it answers. Default: port 9443 of every address.
    pub listen: SocketAddr,
    /// Where the API server reaches that.
    pub address: WebhookAddress,
    /// What becomes of a pod while nobody answers. Default: it is created without a sidecar.
    pub failure_policy: FailurePolicy,
    /// The region of containers that name none. Default: `us-east-1`.
    pub region: String,
}

impl WebhookConfig {
    /// The defaults, for a webhook that the API server reaches there.
    pub fn new(address: WebhookAddress) -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, 9443).into(),
            address,
            failure_policy: FailurePolicy::Ignore,
            region: "us-east-1".to_owned(),
        }
    }
}

/// Where the API server reaches the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAddress {
    /// By a Service of the cluster, whose pods the KECS with the webhook is among.
    Service {
        /// The Service's namespace. The certificates are kept there.
        namespace: String,
        /// Its name.
        name: String,
        /// Its port; usually 443.
        port: u16,
    },
    /// By a name or an address outside the cluster. The certificates are kept in the namespace `kecs-system`, which is made if it is not there.
    Url {
        /// The name or the address, without brackets also where it is one of IPv6.
        host: String,
        /// The port.
        port: u16,
    },
}

impl WebhookAddress {
    /// The names by which the server is called, for its certificate.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Service { namespace, name, .. } => vec![format!("{name}.{namespace}.svc")],
            Self::Url { host, .. } => vec![host.clone()],
        }
    }

    /// Where the certificates are kept.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            Self::Service { namespace, .. } => namespace,
            Self::Url { .. } => "kecs-system",
        }
    }
}

/// What becomes of a pod that asks for the sidecar while the webhook does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is created without.
    Ignore,
    /// It is refused.
    Fail,
}

impl fmt::Display for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        })
    }
}
