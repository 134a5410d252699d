//! Keeps the certificates where the next KECS finds them, and the API server's knowledge of the webhook as it should be.

use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kecs_core::{BackendError, Clock, ErrorKind};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};

use super::certificates::Certificates;
use super::config::WebhookConfig;
use super::registration::{self, registration};
use crate::error::{backend_error, is};
use crate::names;
use crate::tasks::answer;

const KEEPING: &str = "cannot keep the certificates of the webhook";
const REGISTERING: &str = "cannot register the webhook";
/// Who applies, to the API server.
const FIELD_MANAGER: &str = "kecs";
/// The only key of the secret: all certificates change together.
const KEY: &str = "certificates.json";
/// How often two KECS may come in each other's way before one of them waits.
const TRIES: u32 = 5;

/// Sees to it that all is as it should be, whenever it is asked to.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) prefix: String,
    pub(crate) config: WebhookConfig,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Keeper {
    /// The certificates that are to be served, kept and known to the API server.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub(crate) async fn look(&self) -> Result<Certificates, BackendError> {
        let certificates = self.certificates().await?;
        // Before they are served: nobody is served what is not trusted yet.
        self.register(&certificates).await?;
        Ok(certificates)
    }

    async fn certificates(&self) -> Result<Certificates, BackendError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), self.config.address.namespace());
        for _ in 0..TRIES {
            let kept = answer(KEEPING, secrets.get_opt(&self.name())).await?.map_err(|error| backend_error(KEEPING, error))?;
            let known = kept.as_ref().and_then(read);
            // An empty one is made by who installs KECS, so that it need not be allowed to make any.
            if known.is_none() && kept.as_ref().is_some_and(|kept| kept.data.is_some()) {
                tracing::warn!(secret = self.name(), "what is kept are no certificates: new ones are made");
            }
            let renewed = Certificates::renewed(known.as_ref(), &self.config.address.names(), self.clock.now());
            let unmade =
                |error| BackendError::new(ErrorKind::Invalid, "cannot make certificates for the webhook").with_source(error);
            let renewed = match (renewed.map_err(unmade)?, known) {
                (Some(renewed), _) => renewed,
                (None, Some(known)) => return Ok(known),
                (None, None) => return Err(BackendError::new(ErrorKind::Internal, "no certificates were made for the webhook")),
            };
            let written = if let Some(version) = kept.and_then(|secret| secret.metadata.resource_version) {
                let parameters = PatchParams::apply(FIELD_MANAGER).force();
                // Only over what was read, so that two KECS come to the same.
                let secret = self.secret(&renewed, Some(version));
                answer(KEEPING, secrets.patch(&self.name(), &parameters, &Patch::Apply(&secret))).await?
            } else {
                self.ensure_namespace().await?;
                answer(KEEPING, secrets.create(&PostParams::default(), &self.secret(&renewed, None))).await?
            };
            match written {
                Ok(_) => return Ok(renewed),
                Err(error) if is(&error, 409) => {}
                Err(error) => return Err(backend_error(KEEPING, error)),
            }
        }
        Err(BackendError::new(ErrorKind::Conflict, "the certificates of the webhook are changed by others again and again"))
    }

    async fn register(&self, certificates: &Certificates) -> Result<(), BackendError> {
        let registrations: Api<MutatingWebhookConfiguration> = Api::all(self.client.clone());
        let WebhookConfig { address, failure_policy, .. } = &self.config;
        let wanted = registration(&self.prefix, address, *failure_policy, &certificates.bundle());
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let name = registration::name(&self.prefix);
        let applied = answer(REGISTERING, registrations.patch(&name, &parameters, &Patch::Apply(&wanted))).await?;
        applied.map(drop).map_err(|error| backend_error(REGISTERING, error))
    }

    async fn ensure_namespace(&self) -> Result<(), BackendError> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let metadata = ObjectMeta { name: Some(self.config.address.namespace().to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        match answer(KEEPING, namespaces.create(&PostParams::default(), &namespace)).await? {
            Ok(_) => Ok(()),
            // There already. Who may not create namespaces may have been given this one.
            Err(error) if is(&error, 409) || is(&error, 403) => Ok(()),
            Err(error) => Err(backend_error(KEEPING, error)),
        }
    }

    fn name(&self) -> String {
        format!("{}-webhook-certificates", self.prefix)
    }

    fn secret(&self, certificates: &Certificates, version: Option<String>) -> Secret {
        let content = serde_json::to_vec(certificates).expect("plain data has a JSON form");
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name()),
                namespace: Some(self.config.address.namespace().to_owned()),
                // Not who manages it: that may be who installs KECS.
                labels: Some([(names::OWNER_LABEL.to_owned(), self.prefix.clone())].into()),
                resource_version: version,
                ..ObjectMeta::default()
            },
            type_: Some("Opaque".to_owned()),
            data: Some([(KEY.to_owned(), ByteString(content))].into()),
            ..Secret::default()
        }
    }
}

fn read(secret: &Secret) -> Option<Certificates> {
    serde_json::from_slice(&secret.data.as_ref()?.get(KEY)?.0).ok()
}
