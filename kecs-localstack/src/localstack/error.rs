//! Why a LocalStack cannot be had: one line each, with the way out.

use std::path::PathBuf;

use kecs_core::CLUSTER_NAME_FORM;

/// An error of a [`LocalStack`](crate::LocalStack) or of its [`Deployer`](crate::Deployer). No text holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalStackError {
    /// The version's name says no version.
    #[error("{version} is no version of {emulator}: name one whole, such as {example}")]
    NoVersion {
        /// As the user wrote it.
        version: String,
        /// The emulator's name.
        emulator: &'static str,
        /// One that works.
        example: &'static str,
    },
    /// A calendar version without a token.
    #[error(
        "LocalStack {version} does not start without a licence: set LOCALSTACK_AUTH_TOKEN or authTokenFile, or use version {free}, the last that needs none"
    )]
    TokenRequired {
        /// The version that was asked for.
        version: String,
        /// The last one that needs none.
        free: &'static str,
    },
    /// The file of the token cannot be read.
    #[error("cannot read authTokenFile {}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file of the seed cannot be read: an object's content, or an init script.
    #[error("cannot read {}, which the seed names", path.display())]
    SeedFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The deployer cannot run this version.
    #[error(
        "{emulator} {version} cannot be run as a process: the versions that can are {known}; for another, start it yourself and give KECS its endpoint"
    )]
    VersionNotLocked {
        /// The emulator's name.
        emulator: &'static str,
        /// The version that was asked for.
        version: String,
        /// Those that there are, in words.
        known: String,
    },
    /// Services that this version lacks.
    #[error("{emulator} {version} has no {services}: it has {known}")]
    NoSuchService {
        /// The emulator's name.
        emulator: &'static str,
        /// Its version.
        version: String,
        /// What it lacks, in words.
        services: String,
        /// What it has, in words.
        known: String,
    },
    /// Services that cannot be chosen.
    #[error("moto serves all of its services always: leave services out")]
    AllServices,
    /// The last service would be disabled.
    #[error("no service would be left: disable all of it with `enabled: false` instead")]
    NoServiceLeft,
    /// Services that were disabled and are served all the same.
    #[error("LocalStack still serves {services}: a service that is enabled needs it; disable that too")]
    StillServed {
        /// Which, in words.
        services: String,
    },
    /// Services that were enabled and are not served.
    #[error("LocalStack does not serve {services}, although it should: `kecs localstack logs` may say why")]
    NotServed {
        /// Which, in words.
        services: String,
    },
    /// No cluster can be called so.
    #[error("{CLUSTER_NAME_FORM}")]
    ClusterName,
    /// The settings say that there is none.
    #[error("cluster {name} has no LocalStack: its settings say `enabled: false`")]
    NotEnabled {
        /// The cluster.
        name: String,
    },
    /// A variable that a setting stands for.
    #[error("{variable} is not for environment or customConfig: use the setting {setting}")]
    OwnVariable {
        /// The variable.
        variable: String,
        /// The setting.
        setting: &'static str,
    },
    /// No Python that can run it.
    #[error("{emulator} {version} needs Python {wanted} with its venv module, and there is {found}: {advice}")]
    NoPython {
        /// The emulator's name.
        emulator: &'static str,
        /// Its version.
        version: &'static str,
        /// The versions of Python, in words.
        wanted: String,
        /// What was found instead, in words.
        found: String,
        /// What to do.
        advice: String,
    },
    /// The Python environment cannot be made.
    #[error("cannot install {what}: {reason}")]
    Install {
        /// What was to be installed.
        what: String,
        /// The installer's last words.
        reason: String,
    },
    /// The port belongs to somebody else.
    #[error("port {port} of 127.0.0.1 is taken: stop what listens there, or set another port, or none for a free one")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The deployer does not run this emulator.
    #[error("{emulator} is not run {place}: leave emulator out")]
    NotHere {
        /// The emulator's name.
        emulator: &'static str,
        /// Where, in words.
        place: &'static str,
    },
    /// What a deployer from elsewhere could not.
    #[error(transparent)]
    Deploy(#[from] kecs_core::BackendError),
    /// It is somebody else's to change.
    #[error("{endpoint} is not run by KECS: {what} there")]
    NotOurs {
        /// Where it is.
        endpoint: String,
        /// What to do.
        what: &'static str,
    },
    /// A folder or file of it cannot be used.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The process cannot be started.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The cluster has a LocalStack of its own already.
    #[error(
        "cluster {cluster} has a LocalStack of its own already: change its services with `kecs localstack enable --cluster {cluster}`"
    )]
    Exists {
        /// The cluster.
        cluster: String,
    },
    /// A change took effect, and cannot be written down.
    #[error("it is changed, but the next run of KECS will not know: the data folder cannot be written")]
    NotKept {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not there to be asked, or did not become ready.
    #[error(transparent)]
    NotReady(#[from] super::status::NotReady),
}

impl LocalStackError {
    /// A folder or file that cannot be used, for `map_err`.
    pub(crate) fn folder(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Folder { path, source }
    }
}
