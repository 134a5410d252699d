//! What every AWS service answers, by each emulator: the seam is not LocalStack's alone.

use std::sync::Arc;

use kecs_core::testing::aws_service::AwsHarness;
use kecs_localstack::{Emulator, LocalStackBackend};

use crate::support::{Life, PATIENCE, config, python};

/// An emulator that is just being started: the first call waits for it.
struct Started {
    backend: LocalStackBackend,
    _life: Life,
}

async fn started(test: &str, emulator: Emulator, services: &[&str]) -> Option<Started> {
    let life = Life::ready(python(test, emulator)?, config(emulator, services)).await;
    Some(Started { backend: LocalStackBackend::new(Arc::clone(&life.localstack)).with_patience(PATIENCE), _life: life })
}

mod localstack {
    use super::*;

    struct LocalStack(Started);

    impl AwsHarness for LocalStack {
        type Backend = LocalStackBackend;

        async fn start(test: &str) -> Option<Self> {
            started(test, Emulator::LocalStack, &["s3", "ssm", "sts"]).await.map(Self)
        }

        fn backend(&self) -> &LocalStackBackend {
            &self.0.backend
        }
    }

    kecs_core::aws_service_conformance!(LocalStack, answers);
}

mod moto {
    use super::*;

    struct Moto(Started);

    impl AwsHarness for Moto {
        type Backend = LocalStackBackend;

        async fn start(test: &str) -> Option<Self> {
            started(test, Emulator::Moto, &[]).await.map(Self)
        }

        fn backend(&self) -> &LocalStackBackend {
            &self.0.backend
        }

        /// moto has one account, whatever a credential says, until a role of another is assumed.
        fn account(&self) -> &'static str {
            "000000000000"
        }
    }

    kecs_core::aws_service_conformance!(Moto, answers);
}
