//! Wire types, operation tables and codecs of the AWS services that KECS answers itself.
//!
//! Begin with a service's module, such as [`ecs`]: its trait has one method per operation, its `dispatch` turns the
//! bytes of a request into a call of that trait and the answer into bytes. Everything in such a module is generated from
//! AWS's model by `cargo xtask codegen`; this crate's other modules are written by hand and know no service:
//!
//! - [`ApiError`] and [`ErrorCode`]: what a client is told when a call fails;
//! - [`RequestContext`]: on whose behalf, and where, a call is made;
//! - [`Timestamp`]: a point in time, on the wire a number of seconds;
//! - [`aws_json`]: the codec of awsJson protocols, also good for storing shapes.
//!
//! Shapes are plain structures whose members are all optional: what AWS requires is a matter of the operation, which
//! answers in AWS's words. Enums are open: a value that the model does not know survives as `Unrecognized`.
//!
//! ```
//! use kecs_model::ecs::{Cluster, CreateClusterRequest, LaunchType};
//! use kecs_model::aws_json;
//!
//! let request: CreateClusterRequest = aws_json::decode(br#"{"clusterName":"blue","fromTheFuture":1}"#).unwrap();
//! assert_eq!(request.cluster_name.as_deref(), Some("blue"));
//!
//! let cluster = Cluster { status: Some("ACTIVE".to_owned()), ..Cluster::default() };
//! assert_eq!(aws_json::encode(&cluster).unwrap(), br#"{"status":"ACTIVE"}"#);
//!
//! assert_eq!(LaunchType::from("FARGATE"), LaunchType::Fargate);
//! ```

mod api_trait;
pub mod aws_json;
pub mod ecs;
mod error;
mod open_enum;
mod operation;
mod redacted;
mod request_context;
mod required;
mod timestamp;

pub use error::{ApiError, ErrorCode};
pub use request_context::RequestContext;
pub use timestamp::Timestamp;
