//! Every other AWS service: LocalStack, or another endpoint that is compatible with AWS, and what tasks get from it.
//!
//! Start at [`AwsClient`]: the calls that KECS makes on its own behalf, through the same [`AwsServiceBackend`](kecs_core::AwsServiceBackend)
//! that clients' requests are streamed to.

mod aws;
mod backends;

pub use aws::{AwsCallError, AwsClient, Caller};
pub use backends::{Backends, OneBackend};
