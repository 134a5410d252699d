//! The resources that the benchmarks work on: the same for every server.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::Caller;

/// Where Fargate tasks have their network interface. moto insists that it exists.
#[derive(Clone, Debug)]
pub struct Network {
    subnet: String,
    security_group: String,
}

impl Network {
    /// For a server that takes any.
    pub fn any() -> Self {
        Self { subnet: "subnet-0123456789abcdef0".to_owned(), security_group: "sg-0123456789abcdef0".to_owned() }
    }

    /// The default network of a server that answers for EC2.
    ///
    /// # Errors
    /// When it has none.
    pub async fn of(caller: &mut Caller) -> Result<Self> {
        Ok(Self {
            subnet: ec2(caller, "DescribeSubnets", "subnetId").await?,
            security_group: ec2(caller, "DescribeSecurityGroups", "groupId").await?,
        })
    }

    /// As `networkConfiguration`.
    pub fn configuration(&self) -> Value {
        json!({"awsvpcConfiguration": {"subnets": [self.subnet], "securityGroups": [self.security_group]}})
    }
}

/// By its credential scope moto knows the service; it does not look at the signature.
const EC2_AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";

/// The first `element` in what an EC2 operation answers.
async fn ec2(caller: &mut Caller, action: &str, element: &str) -> Result<String> {
    let request = Request::post("/")
        .header("host", "ec2.us-east-1.amazonaws.com")
        .header("authorization", EC2_AUTHORIZATION)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(format!("Action={action}&Version=2016-11-15"))))?;
    let answer = caller.send(request).await?;
    let answer = String::from_utf8_lossy(&answer);
    let value = answer.split_once(&format!("<{element}>")).and_then(|(_, rest)| rest.split_once('<'));
    Ok(value.with_context(|| format!("{action} answers no {element}"))?.0.to_owned())
}

/// A task definition as people write them: a web server and a sidecar on Fargate.
pub fn task_definition(family: &str) -> Value {
    json!({
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/ecsTaskExecutionRole",
        "containerDefinitions": [
            {
                "name": "web",
                "image": "public.ecr.aws/nginx/nginx:1.27",
                "memory": 256,
                "essential": true,
                "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
                "environment": [{"name": "STAGE", "value": "bench"}, {"name": "LOG_LEVEL", "value": "info"}],
                "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/ecs/web", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web",
                }},
            },
            {"name": "sidecar", "image": "public.ecr.aws/docker/library/busybox:1.37", "memory": 64, "essential": false, "command": ["sleep", "inf"]},
        ],
    })
}
