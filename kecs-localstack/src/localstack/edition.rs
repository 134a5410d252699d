//! What each version of an emulator is: the services that it has, and what it takes to run it.
//!
//! The services are those of `localstack/services/providers.py` in the package of that version; a test compares.

use super::config::Emulator;
use super::error::LocalStackError;

/// A version that can be run as a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Edition {
    pub(crate) emulator: Emulator,
    pub(crate) version: &'static str,
    /// The minor versions of Python 3 that run it, oldest first.
    pub(crate) python: (u8, u8),
    /// What `pip install --require-hashes` is given.
    pub(crate) requirements: &'static str,
}

/// The versions that can be run as processes; each emulator's first is its default.
pub(crate) const EDITIONS: &[Edition] = &[
    Edition {
        emulator: Emulator::LocalStack,
        version: "4.14.0",
        // It imports warnings.deprecated, which came with 3.13.
        python: (13, 13),
        requirements: include_str!("../../locks/localstack-4.14.0.txt"),
    },
    Edition {
        emulator: Emulator::LocalStack,
        version: "4.13.1",
        python: (11, 13),
        requirements: include_str!("../../locks/localstack-4.13.1.txt"),
    },
    Edition {
        emulator: Emulator::Moto,
        version: "5.2.5",
        python: (11, 13),
        requirements: include_str!("../../locks/moto-5.2.5.txt"),
    },
];

/// The first year whose calendar versions (`2026.03.0` and later) need a token. The versions before them are numbered by 4 and less.
const FIRST_LICENSED_YEAR: u64 = 2026;

/// The services of LocalStack 4.13 and 4.14 without a licence.
pub(crate) const LOCALSTACK_SERVICES: &[&str] = &[
    "acm",
    "apigateway",
    "cloudformation",
    "cloudwatch",
    "config",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "es",
    "events",
    "firehose",
    "iam",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "opensearch",
    "redshift",
    "resource-groups",
    "resourcegroupstaggingapi",
    "route53",
    "route53resolver",
    "s3",
    "s3control",
    "scheduler",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
    "support",
    "swf",
    "transcribe",
];

/// Names by which SigV4 and people know a service, and LocalStack's own (botocore's) name for it.
const ALIASES: &[(&str, &str)] = &[
    ("cloudwatchlogs", "logs"),
    ("email", "ses"),
    ("eventbridge", "events"),
    ("monitoring", "cloudwatch"),
    ("states", "stepfunctions"),
    ("tagging", "resourcegroupstaggingapi"),
];

/// The services of LocalStack's default version, by its own names, in order.
pub fn localstack_services() -> &'static [&'static str] {
    LOCALSTACK_SERVICES
}

/// The version of which the emulator's default is.
pub(crate) fn default_version(emulator: Emulator) -> &'static str {
    let default = EDITIONS.iter().find(|edition| edition.emulator == emulator);
    default.expect("each emulator has an edition").version
}

/// The edition to run as a process.
pub(crate) fn edition(emulator: Emulator, version: &str) -> Result<&'static Edition, LocalStackError> {
    EDITIONS.iter().find(|edition| edition.emulator == emulator && edition.version == version).ok_or_else(|| {
        let known = EDITIONS.iter().filter(|edition| edition.emulator == emulator).map(|edition| edition.version);
        LocalStackError::VersionNotLocked {
            emulator: emulator.name(),
            version: version.to_owned(),
            known: known.collect::<Vec<_>>().join(" and "),
        }
    })
}

/// Refuses what is no version, and a version that would end at once for want of a token.
pub(crate) fn check_version(emulator: Emulator, version: &str, has_token: bool) -> Result<(), LocalStackError> {
    let numbers: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    let Some([first, _, _]) = numbers.as_deref() else {
        let example = default_version(emulator);
        return Err(LocalStackError::NoVersion { version: version.to_owned(), emulator: emulator.name(), example });
    };
    if emulator == Emulator::LocalStack && *first >= FIRST_LICENSED_YEAR && !has_token {
        return Err(LocalStackError::TokenRequired { version: version.to_owned(), free: default_version(emulator) });
    }
    Ok(())
}

/// The services by LocalStack's names, sorted, each once. Refuses those that the version lacks; a licensed version is not known and may
/// have any.
pub(crate) fn canonical_services(emulator: Emulator, version: &str, services: &[String]) -> Result<Vec<String>, LocalStackError> {
    if emulator == Emulator::Moto && !services.is_empty() {
        return Err(LocalStackError::AllServices);
    }
    let mut names: Vec<String> = services.iter().map(|service| canonical_service(service).to_owned()).collect();
    names.sort();
    names.dedup();
    let is_known = EDITIONS.iter().any(|edition| edition.version == version);
    let lacking: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| is_known && !LOCALSTACK_SERVICES.contains(name)).collect();
    if lacking.is_empty() {
        return Ok(names);
    }
    Err(LocalStackError::NoSuchService {
        emulator: emulator.name(),
        version: version.to_owned(),
        services: lacking.join(", "),
        known: LOCALSTACK_SERVICES.join(", "),
    })
}

/// LocalStack's name for a service that may be called by another.
pub(crate) fn canonical_service(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, canonical)| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(version: &str, has_token: bool) -> Option<String> {
        check_version(Emulator::LocalStack, version, has_token).err().map(|error| error.to_string())
    }

    // The last versions that run without a token, and the first that do not, are the publisher's: the repository's README was changed for the
    // unified image on 2026-03-23, and the tags after 4.14.0 are calendar versions from 2026.03.0 on.
    #[test]
    fn a_calendar_version_needs_a_token() {
        assert_eq!(refusal("4.14.0", false), None);
        assert_eq!(refusal("2026.03.0", true), None);
        assert!(refusal("2026.03.0", false).unwrap().contains("LOCALSTACK_AUTH_TOKEN"));
        assert!(refusal("2027.1.2", false).unwrap().contains("use version 4.14.0"));
    }

    #[test]
    fn latest_is_no_version() {
        assert!(refusal("latest", true).unwrap().contains("such as 4.14.0"));
        assert!(refusal("4.14", false).is_some());
    }

    #[test]
    fn a_version_without_a_lock_is_refused_with_those_that_have_one() {
        let refusal = edition(Emulator::LocalStack, "4.5.0").unwrap_err().to_string();
        assert!(refusal.contains("4.14.0 and 4.13.1"), "{refusal}");
    }

    #[test]
    fn services_are_known_by_the_names_of_sigv4_too() {
        let names = ["states", "s3", "monitoring", "s3"].map(str::to_owned);
        assert_eq!(canonical_services(Emulator::LocalStack, "4.14.0", &names).unwrap(), ["cloudwatch", "s3", "stepfunctions"]);
    }

    #[test]
    fn all_services_that_are_lacking_are_named() {
        let names = ["s3", "rds", "elbv2"].map(str::to_owned);
        let refusal = canonical_services(Emulator::LocalStack, "4.14.0", &names).unwrap_err().to_string();
        assert!(refusal.starts_with("LocalStack 4.14.0 has no elbv2, rds: it has acm, "), "{refusal}");
        assert!(canonical_services(Emulator::LocalStack, "2026.03.0", &names).is_ok());
    }
}
