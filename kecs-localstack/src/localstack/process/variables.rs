//! The environment of an emulator.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::pick;
use crate::localstack::config::{Emulator, LocalStackConfig};
use crate::localstack::error::LocalStackError;

/// What it is given of the environment of `kecs`: nothing that says anything about KECS or about an account. Lambda functions need Docker, DynamoDB
/// needs Java.
const BASICS: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "JAVA_HOME", "DOCKER_HOST"];

/// The variables of an emulator that listens on `port` of loopback and keeps its files below `folder`.
pub(super) fn variables(
    config: &LocalStackConfig,
    port: u16,
    folder: &Path,
    host: &BTreeMap<OsString, OsString>,
) -> Result<BTreeMap<OsString, OsString>, LocalStackError> {
    let mut variables = pick(host, BASICS);
    let mut set = |name: &str, value: OsString| variables.insert(name.into(), value);
    match config.emulator {
        Emulator::LocalStack => {
            // It is on a host whatever it takes the host for, and its files belong below our folder.
            set("OVERRIDE_IN_DOCKER", "0".into());
            set("FILESYSTEM_ROOT", folder.join("root").into());
            set("CONFIG_DIR", folder.join("config").into());
            if let Some(token) = config.token()? {
                set("LOCALSTACK_AUTH_TOKEN", token.expose().into());
            }
            for (name, value) in config.localstack_variables(&format!("127.0.0.1:{port}"))? {
                set(&name, value.into());
            }
        }
        Emulator::Moto => {
            // As LocalStack and KECS have it; moto's own default is another.
            set("MOTO_ACCOUNT_ID", config.scope.account.as_ref().into());
        }
    }
    set("PYTHONUNBUFFERED", "1".into());
    for (name, value) in config.user_variables() {
        set(name, value.into());
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn given(config: &LocalStackConfig, host: &[(&str, &str)]) -> BTreeMap<String, String> {
        let host = host.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let variables = variables(config, 4566, Path::new("/data"), &host).unwrap();
        variables.into_iter().map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap())).collect()
    }

    #[test]
    fn it_knows_the_basics_of_the_environment_of_kecs_and_no_more() {
        let host = [("PATH", "/bin"), ("AWS_SECRET_ACCESS_KEY", "real"), ("KECS_DATA_DIR", "/k"), ("LOCALSTACK_AUTH_TOKEN", "t")];
        let given = given(&LocalStackConfig::default(), &host);
        assert_eq!(given["PATH"], "/bin");
        assert!(!given.keys().any(|name| name.starts_with("AWS_") || name.starts_with("KECS_") || name == "LOCALSTACK_AUTH_TOKEN"));
    }

    #[test]
    fn custom_config_wins_over_environment_and_that_over_what_is_usual() {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let config = LocalStackConfig {
            environment: pairs(&[("DEBUG", "0"), ("SQS_ENDPOINT_STRATEGY", "dynamic")]),
            custom_config: pairs(&[("DEBUG", "1")]),
            ..LocalStackConfig::default()
        };
        let given = given(&config, &[]);
        assert_eq!((given["DEBUG"].as_str(), given["SQS_ENDPOINT_STRATEGY"].as_str()), ("1", "dynamic"));
    }

    #[test]
    fn urls_that_it_returns_lead_to_the_public_host() {
        let config = LocalStackConfig { public_host: Some("127.0.0.1:5373".to_owned()), ..LocalStackConfig::default() };
        let given = given(&config, &[]);
        assert_eq!((given["LOCALSTACK_HOST"].as_str(), given["GATEWAY_LISTEN"].as_str()), ("127.0.0.1:5373", "127.0.0.1:4566"));
    }

    #[test]
    fn a_token_comes_from_its_file_without_the_end_of_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "ls-secret\n").unwrap();
        let config = LocalStackConfig { auth_token_file: Some(path), ..LocalStackConfig::default() };
        assert_eq!(given(&config, &[])["LOCALSTACK_AUTH_TOKEN"], "ls-secret");
    }
}
