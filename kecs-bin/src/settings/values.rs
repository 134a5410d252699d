//! The values that settings take, read from text.

pub(crate) mod kubernetes;

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kecs_core::{DefaultCredentials, SecretValue};
use kecs_localstack::{BaseUrl, BaseUrlError};

/// Why a text is not a value: what is wrong, and what to write instead. Never contains a secret.
pub(crate) struct BadValue(pub(crate) String);

fn bad<T>(text: impl Into<String>) -> Result<T, BadValue> {
    Err(BadValue(text.into()))
}

/// Declares an enum of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = BadValue;

            fn from_str(text: &str) -> Result<Self, BadValue> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => bad(format!("'{other}' is not one of {}", [$($word),+].join(", "))),
                }
            }
        }
    };
}

words! {
    /// How tasks run.
    Runtime {
        /// As processes of this host.
        Process = "process",
        /// Only pretended.
        Memory = "memory",
        /// As pods.
        Kubernetes = "kubernetes",
        /// As pods where a cluster answers, else as processes. Which it is, is found out at the start.
        Auto = "auto",
    }
}

words! {
    /// What a task gets of a secret that stores binary data.
    #[derive(Default)]
    BinarySecrets {
        /// It does not start, as on AWS.
        #[default]
        Refuse = "refuse",
        /// The data in base64.
        Base64 = "base64",
    }
}

words! {
    /// What the role of a task is in the Kubernetes cluster.
    #[derive(Default)]
    KubeRoles {
        /// Nothing.
        Off = "off",
        /// A service account, which is allowed nothing.
        Accounts = "accounts",
        /// A service account that is allowed what the role's policies mean there.
        #[default]
        Rights = "rights",
    }
}

words! {
    /// Where state is kept.
    State {
        /// In one file.
        File = "file",
        /// Nowhere but in memory.
        Memory = "memory",
    }
}

words! {
    /// Whether requests must be signed.
    AuthMode {
        /// Signatures are not looked at.
        Off = "off",
        /// Each request needs a valid signature.
        Required = "required",
    }
}

words! {
    /// What makes a Kubernetes cluster on this machine.
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    ClusterTool {
        /// Kubernetes in Docker.
        Kind = "kind",
        /// k3s in Docker.
        K3d = "k3d",
    }
}

words! {
    /// What the end of the command does to running tasks.
    OnExit {
        /// They go on, and the next start finds them.
        Leave = "leave",
        /// They are stopped first.
        Stop = "stop",
    }
}

/// What answers for the AWS services that KECS does not answer itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocalStackMode {
    /// A LocalStack, started when it is first called, or at once where the configuration file has settings for it.
    Auto,
    /// A LocalStack, started at once.
    On,
    /// Nothing.
    Off,
    /// One that somebody else runs.
    At(BaseUrl),
}

impl FromStr for LocalStackMode {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text {
            "auto" => Ok(Self::Auto),
            // YAML's words for yes and no, which people write here too.
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            url if url.starts_with("http://") => {
                url.parse().map(Self::At).map_err(|error: BaseUrlError| BadValue(error.to_string()))
            }
            other => bad(format!("'{other}' is not auto, on, off or a URL such as http://127.0.0.1:4566")),
        }
    }
}

/// An accepted access key.
#[derive(Clone, Debug)]
pub(crate) struct AccessKeyPair {
    pub(crate) id: String,
    pub(crate) secret: SecretValue,
    /// The account that its requests act in, when it is not the one of the setting `account`.
    pub(crate) account: Option<String>,
}

impl FromStr for AccessKeyPair {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(id), Some(secret), account) if !id.is_empty() && !secret.is_empty() => Ok(Self {
                id: id.to_owned(),
                secret: SecretValue::new(secret.to_owned()),
                account: account.map(account_id).transpose()?,
            }),
            _ => bad("an access key is written ID:SECRET or ID:SECRET:ACCOUNT"),
        }
    }
}

/// A 12-digit account id.
pub(crate) fn account_id(text: &str) -> Result<String, BadValue> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        bad(format!("'{text}' is not an account: write 12 digits, in quotes in the file"))
    }
}

pub(crate) fn http_url(text: &str) -> Result<String, BadValue> {
    match text.strip_prefix("http://") {
        Some(authority) if !authority.is_empty() && !authority.contains('/') => Ok(text.to_owned()),
        _ => bad(format!("'{text}' is not a URL of the form http://HOST:PORT")),
    }
}

/// A path, which may begin with the home folder.
pub(crate) fn path(text: &str) -> Result<PathBuf, BadValue> {
    in_home(Path::new(text))
}

/// Puts the home folder in the place of a `~` at the beginning: no shell reads the file and the variables, nor `--data-dir=~/x`.
pub(crate) fn in_home(path: &Path) -> Result<PathBuf, BadValue> {
    below(std::env::var_os("HOME").map(PathBuf::from), path)
}

fn below(home: Option<PathBuf>, path: &Path) -> Result<PathBuf, BadValue> {
    let Ok(rest) = path.strip_prefix("~") else { return Ok(path.to_owned()) };
    match home.filter(|home| home.is_absolute()) {
        Some(home) => Ok(home.join(rest)),
        None => {
            bad(format!("'{}' is below the home folder, and HOME does not say where that is: write the whole path", path.display()))
        }
    }
}

/// A region such as `us-east-1`.
pub(crate) fn region(text: &str) -> Result<String, BadValue> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(letter) {
        Ok(text.to_owned())
    } else {
        bad(format!("'{text}' is not a region: write one such as us-east-1"))
    }
}

/// What tasks without a role get.
pub(crate) fn task_credentials(text: &str) -> Result<DefaultCredentials, BadValue> {
    match text {
        "test" => Ok(DefaultCredentials::Test),
        "none" => Ok(DefaultCredentials::None),
        role if role.starts_with("arn:") && role.contains(":role/") => Ok(DefaultCredentials::Role(role.to_owned())),
        other => bad(format!("'{other}' is not one of test, none, and the ARN of a role")),
    }
}

/// An address to listen on; a name is looked up, and its first address is taken.
pub(crate) fn address(text: &str) -> Result<SocketAddr, BadValue> {
    match text.to_socket_addrs().map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => Ok(address),
        _ => bad(format!("'{text}' is not an address: write HOST:PORT, as in 127.0.0.1:5373")),
    }
}

/// Yes or no.
pub(crate) fn switch(text: &str) -> Result<bool, BadValue> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        other => bad(format!("'{other}' is neither true nor false")),
    }
}

/// On or off, or YAML's words for that, which people write here too.
pub(crate) fn on_off(text: &str) -> Result<bool, BadValue> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => switch(other).or_else(|_| bad(format!("'{other}' is neither on nor off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_that_cannot_be_read_does_not_show_its_secret() {
        for text in [":wJalrXUtnFEMI", "AKIAIOSFODNN7EXAMPLE:", "wJalrXUtnFEMI"] {
            let error = text.parse::<AccessKeyPair>().err().unwrap().0;
            assert!(!error.contains("wJalrXUtnFEMI"), "{error}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_folder_at_the_beginning_of_a_path_only() {
        let read = |home: &str, path: &str| below(Some(PathBuf::from(home)), Path::new(path)).map_err(|bad| bad.0);
        for (path, whole) in
            [("~/y", "/home/a/y"), ("~", "/home/a"), ("./~/y", "./~/y"), ("/x/~/y", "/x/~/y"), ("~b/y", "~b/y"), ("y~", "y~")]
        {
            assert_eq!(read("/home/a", path), Ok(PathBuf::from(whole)), "{path}");
        }
        let refused = "'~/y' is below the home folder, and HOME does not say where that is: write the whole path";
        assert_eq!(read("", "~/y"), Err(refused.to_owned()));
    }

    #[test]
    fn a_secret_with_slashes_and_an_account_is_read_whole() {
        let key: AccessKeyPair = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG:123456789012".parse().ok().unwrap();
        assert_eq!((key.id.as_str(), key.account.as_deref()), ("AKIAIOSFODNN7EXAMPLE", Some("123456789012")));
        assert_eq!(key.secret.expose(), "wJalrXUtnFEMI/K7MDENG");
        assert!(!format!("{key:?}").contains("wJalr"));
    }
}
