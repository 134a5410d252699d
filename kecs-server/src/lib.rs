//! The AWS endpoint: HTTP, request identification, dispatch, and the builder that an embedder uses.

mod hosts;
mod identify;
mod json_bounds;
mod percent;
mod sigv4;

pub use hosts::{HostPolicy, HostRefused};
pub use identify::{CredentialScope, DEFAULT_ACCOUNT, IdentifiedBy, Identity, identify};
pub use json_bounds::{JsonBounds, JsonBoundsError, MAX_JSON_DEPTH, check_json_bounds};
pub use sigv4::{AccessKey, AccessKeys, Auth, DEFAULT_CLOCK_SKEW, Payload, SigV4Error, verify};
