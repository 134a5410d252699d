//! The AWS endpoint: HTTP, request identification, dispatch, and the builder that an embedder uses.
//!
//! Compose a control plane with [`Kecs::builder`]. To read the code, start at [`Endpoint`]: one request, from its head to its answer. On its way it is [identified](identify), held against the
//! [host policy](HostPolicy) and the [limits](Limits), its signature is [verified](verify) where that is required, and it is handed to the
//! ECS engine of `kecs-core` or streamed to the backend that answers for its service.

mod admin;
mod builder;
mod cors;
mod data_channel;
mod errors;
mod forward;
mod gather;
mod header;
mod hosts;
mod http_server;
mod identify;
mod json_bounds;
mod limits;
mod listener;
mod metrics;
mod own_services;
mod percent;
mod reply;
mod request_id;
mod running;
mod service;
mod sidecar;
mod sigv4;
mod start_error;
mod task_endpoints;

pub use admin::{AdminRoutes, StopTasks};
pub use builder::{Kecs, KecsBuilder};
pub use hosts::{HostPolicy, HostRefused};
pub use http_server::{Bound, HttpServer};
pub use identify::{CredentialScope, DEFAULT_ACCOUNT, IdentifiedBy, Identity, IdentityDefaults, identify};
pub use json_bounds::{JsonBounds, JsonBoundsError, MAX_JSON_DEPTH, check_json_bounds};
pub use limits::Limits;
#[doc(hidden)]
pub use listener::fuzz as fuzz_plain_requests;
pub use running::Running;
pub use service::{Endpoint, EndpointConfig};
pub use sidecar::{Sidecar, SidecarConfig, SidecarServer};
pub use sigv4::{AccessKey, AccessKeys, Auth, DEFAULT_CLOCK_SKEW, Payload, SigV4Error, verify};
pub use start_error::StartError;
