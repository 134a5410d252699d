//! The generated code against AWS's model and AWS's worked examples, which are read from `models/`.

#![allow(clippy::unwrap_used, reason = "this is a test: its helpers panic too")]

mod enums;
mod examples;
mod operations;
mod required;
mod secrets;
mod timestamps;

/// The trimmed model of ECS.
fn model() -> serde_json::Value {
    serde_json::from_str(include_str!("../../models/ecs.json")).unwrap()
}

/// An implementation that serves nothing.
#[derive(Debug)]
struct Nothing;

impl kecs_model::ecs::EcsApi for Nothing {}

/// What an implementation that serves nothing answers; an error of the codec comes before that.
async fn answer(operation: kecs_model::ecs::Operation, input: &serde_json::Value) -> kecs_model::ApiError {
    let body = serde_json::to_vec(input).unwrap();
    let ctx = kecs_model::RequestContext::local();
    kecs_model::ecs::dispatch(&Nothing, &ctx, operation, &body).await.unwrap_err()
}
