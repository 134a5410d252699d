//! Every other AWS service: LocalStack, or another endpoint that is compatible with AWS, and what tasks get from it.
//!
//! Start at [`HttpBackend`], by which calls go to an endpoint and their answers come back, both streamed, and at [`AwsClient`]: the calls that KECS
//! makes on its own behalf, through the same [`AwsServiceBackend`](kecs_core::AwsServiceBackend) that clients' requests are streamed to. With it tasks
//! get their secrets ([`AwsSecrets`]), the credentials of their roles ([`AwsRoles`]) and their files ([`S3Objects`]).

mod aws;
mod http_backend;
mod objects;
mod roles;
#[cfg(test)]
mod scripted;
mod secrets;

pub use aws::{AwsCallError, AwsClient, Caller};
pub use http_backend::{BaseUrl, BaseUrlError, HttpBackend, HttpBackendConfig};
pub use objects::S3Objects;
pub use roles::AwsRoles;
pub use secrets::AwsSecrets;
