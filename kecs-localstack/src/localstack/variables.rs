//! What a LocalStack is told by its environment, wherever it runs.

use std::collections::BTreeMap;
use std::fs;

use kecs_core::SecretValue;

use super::config::LocalStackConfig;
use super::edition;
use super::error::LocalStackError;

impl LocalStackConfig {
    /// The variables of a LocalStack that listens at `listen` (`host:port`), without those of its place and its token. The user's own are last,
    /// and win.
    ///
    /// # Errors
    /// When it has not the services.
    pub fn localstack_variables(&self, listen: &str) -> Result<BTreeMap<String, String>, LocalStackError> {
        let services = edition::canonical_services(self.emulator, self.version(), &self.services)?;
        let own = [
            ("GATEWAY_LISTEN", listen),
            ("LOCALSTACK_HOST", self.public_host.as_deref().unwrap_or(listen)),
            // The standard strategy makes names below LOCALSTACK_HOST, which do not resolve when that is an address.
            ("SQS_ENDPOINT_STRATEGY", "path"),
            ("SERVICES", &services.join(",")),
            ("STRICT_SERVICE_LOADING", "1"),
            ("EAGER_SERVICE_LOADING", "0"),
            ("PERSISTENCE", if self.persistence { "1" } else { "0" }),
            // Nothing is reported or fetched, and port 53 is left alone.
            ("DISABLE_EVENTS", "1"),
            ("SKIP_SSL_CERT_DOWNLOAD", "1"),
            ("DNS_ADDRESS", "0"),
        ];
        let mut variables: BTreeMap<_, _> = own.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        variables.extend(self.user_variables().map(|(name, value)| (name.clone(), value.clone())));
        Ok(variables)
    }

    /// Those of the user.
    pub(super) fn user_variables(&self) -> impl Iterator<Item = (&String, &String)> {
        self.environment.iter().chain(&self.custom_config)
    }

    /// The token, wherever it is kept. Its variable is `LOCALSTACK_AUTH_TOKEN`.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn token(&self) -> Result<Option<SecretValue>, LocalStackError> {
        if let Some(token) = &self.auth_token {
            return Ok(Some(token.clone()));
        }
        let Some(path) = &self.auth_token_file else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(|source| LocalStackError::Token { path: path.clone(), source })?;
        Ok(Some(SecretValue::new(text.trim().to_owned())))
    }
}
