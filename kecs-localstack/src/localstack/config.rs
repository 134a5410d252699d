//! What a LocalStack is asked to be: the `localstack:` of a cluster in `kecs-config.yaml`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use kecs_core::{Scope, SecretValue};
use serde::{Deserialize, Serialize};

use super::edition;
use super::error::LocalStackError;
use crate::seed::Seed;

/// Settings of one [`LocalStack`](crate::LocalStack). Deserialized from `kecs-config.yaml` in camel case; a key that is not known is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LocalStackConfig {
    /// Whether there is one at all. Default: yes.
    pub enabled: bool,
    /// Which program answers. Default: LocalStack.
    pub emulator: Emulator,
    /// Its version, whole, such as `4.14.0`. Default: the newest of the emulator that needs no licence; never `latest`.
    pub version: Option<String>,
    /// The services that it serves, by LocalStack's names or SigV4's; LocalStack adds those that they need. Default (empty): all it has.
    pub services: Vec<String>,
    /// Passes `PERSISTENCE=1` on, which LocalStack heeds with a licence only; without one a [`seed`](Self::seed) is what stays. Default: no.
    pub persistence: bool,
    /// The port on loopback that it listens on. Default: one that is free.
    pub port: Option<u16>,
    /// Variables of its environment. Those that KECS sets from a setting of its own are refused.
    pub environment: BTreeMap<String, String>,
    /// More variables, which win over [`environment`](Self::environment).
    pub custom_config: BTreeMap<String, String>,
    /// What is made in it at every start.
    pub seed: Seed,
    /// A file whose content is the token that LocalStack's calendar versions demand.
    pub auth_token_file: Option<PathBuf>,
    /// The token itself, from the environment of `kecs`; wins over the file.
    #[serde(skip)]
    pub auth_token: Option<SecretValue>,
    /// The `host:port` in URLs that it hands out, such as an SQS queue's, so that they lead back through KECS. Default: where it listens.
    pub public_host: Option<String>,
    /// The account and region that the seed is made in. Default: `000000000000` in `us-east-1`.
    #[serde(skip, default = "default_scope")]
    pub scope: Scope,
    /// When what is given up.
    #[serde(skip)]
    pub timing: Timing,
}

/// The program that answers for AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Emulator {
    /// LocalStack.
    #[default]
    LocalStack,
    /// moto's server: smaller, everything in one process, all services always on.
    Moto,
}

/// When what is given up. The defaults suit people; tests are less patient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// How long a start may take from the process to the first answer. Default: 120 s.
    pub start: Duration,
    /// How long its seed may take, init scripts included. Default: 120 s.
    pub seed: Duration,
    /// How long it may take to end upon SIGTERM before it is killed. Default: 10 s.
    pub stop: Duration,
    /// How often its health is asked for while it runs; an end is noticed without asking. Default: 10 s.
    pub health_interval: Duration,
    /// How long an answer about its health may take. Default: 5 s.
    pub health: Duration,
    /// After how many unanswered questions in a row it counts as hung and is restarted. Default: 3.
    pub hung_after: u32,
    /// The pause before the first restart; it doubles up to [`longest_pause`](Self::longest_pause). Default: 0.5 s.
    pub first_pause: Duration,
    /// Default: 30 s.
    pub longest_pause: Duration,
    /// How long it must have been up for its next end to count as the first again. Default: 60 s.
    pub steady_after: Duration,
    /// After how many starts in a row that did not lead to an answer it is [failed](crate::LocalStackState::Failed). Default: 5.
    pub give_up_after: u32,
}

impl Default for LocalStackConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            emulator: Emulator::default(),
            version: None,
            services: Vec::new(),
            persistence: false,
            port: None,
            environment: BTreeMap::new(),
            custom_config: BTreeMap::new(),
            seed: Seed::default(),
            auth_token_file: None,
            auth_token: None,
            public_host: None,
            scope: default_scope(),
            timing: Timing::default(),
        }
    }
}

fn default_scope() -> Scope {
    Scope::new("000000000000", "us-east-1")
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            start: Duration::from_mins(2),
            seed: Duration::from_mins(2),
            stop: Duration::from_secs(10),
            health_interval: Duration::from_secs(10),
            health: Duration::from_secs(5),
            hung_after: 3,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            steady_after: Duration::from_mins(1),
            give_up_after: 5,
        }
    }
}

impl LocalStackConfig {
    /// The paths in it, of the token and of the seed: to be made absolute where they are relative to the file in which they were written.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.auth_token_file.iter_mut().chain(self.seed.files_mut())
    }

    /// The version that this asks for.
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or_else(|| edition::default_version(self.emulator))
    }

    /// Whether any emulator of this version can be started so, as far as that can be told without starting it: the version is one and has
    /// the token that it needs, it has the services, no variable contradicts a setting, and the files can be read that it names.
    ///
    /// # Errors
    /// The first of these that is not so, with the way out.
    pub fn check(&self) -> Result<(), LocalStackError> {
        edition::check_version(self.emulator, self.version(), self.has_token())?;
        edition::canonical_services(self.emulator, self.version(), &self.services)?;
        for variable in self.environment.keys().chain(self.custom_config.keys()) {
            let is_own = |own: &str| variable == own || variable.strip_prefix("LOCALSTACK_") == Some(own);
            if let Some((_, setting)) = OWN_VARIABLES.iter().find(|(own, _)| is_own(own)) {
                return Err(LocalStackError::OwnVariable { variable: variable.clone(), setting });
            }
        }
        if self.enabled {
            self.token()?;
            self.check_seed()?;
        }
        Ok(())
    }

    /// Whether the files of the seed can be read: found out before something is started that would be incomplete.
    pub(super) fn check_seed(&self) -> Result<(), LocalStackError> {
        let open =
            |path: &PathBuf| File::open(path).map(drop).map_err(|source| LocalStackError::SeedFile { path: path.clone(), source });
        self.seed.files().try_for_each(open)
    }

    fn has_token(&self) -> bool {
        self.auth_token.is_some() || self.auth_token_file.is_some()
    }
}

/// The variables that a setting stands for. LocalStack takes each with the prefix `LOCALSTACK_` as well.
const OWN_VARIABLES: &[(&str, &str)] = &[
    ("GATEWAY_LISTEN", "port"),
    ("SERVICES", "services"),
    ("PERSISTENCE", "persistence"),
    ("LOCALSTACK_AUTH_TOKEN", "authTokenFile"),
    ("LOCALSTACK_API_KEY", "authTokenFile"),
    ("LOCALSTACK_HOST", "publicHost"),
];

impl Emulator {
    /// Its name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LocalStack => "LocalStack",
            Self::Moto => "moto",
        }
    }
}
