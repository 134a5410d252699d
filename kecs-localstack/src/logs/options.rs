//! The options of `awslogs`.

use kecs_core::{ContainerOutput, SecretValue};
use regex::bytes::{Regex, RegexBuilder};

use super::datetime;

/// "Default value: 10m" (LogConfiguration, `max-buffer-size`).
const BUFFER: usize = 10 * 1024 * 1024;

const GROUP: &str = "awslogs-group";
const REGION: &str = "awslogs-region";
const PREFIX: &str = "awslogs-stream-prefix";
const CREATE_GROUP: &str = "awslogs-create-group";
const DATETIME: &str = "awslogs-datetime-format";
const PATTERN: &str = "awslogs-multiline-pattern";
const MODE: &str = "mode";
const BUFFER_SIZE: &str = "max-buffer-size";
/// All that LogConfiguration lists for this driver.
const KNOWN: [&str; 8] = [GROUP, REGION, PREFIX, CREATE_GROUP, DATETIME, PATTERN, MODE, BUFFER_SIZE];

/// What a container's log configuration says.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) group: String,
    /// `None` is the task's own region.
    pub(super) region: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) create_group: bool,
    /// What the first line of each event matches; `None` makes each line one.
    pub(super) event_start: Option<Regex>,
    pub(super) mode: Mode,
}

/// What happens to output that cannot be sent as fast as it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It waits where it is.
    Blocking,
    /// It is buffered, up to as many bytes; then the oldest is lost.
    NonBlocking(usize),
}

impl Options {
    /// Reads them. An error is in the words of Docker's driver, where that has any.
    pub(super) fn of(output: &ContainerOutput) -> Result<Self, String> {
        let configuration = &output.configuration;
        let mut names = configuration.options.keys().chain(configuration.secret_options.keys());
        if let Some(unknown) = names.find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("unknown log opt '{unknown}' for awslogs log driver"));
        }
        let value = |name: &str| {
            let secret = || configuration.secret_options.get(name).map(SecretValue::expose);
            configuration.options.get(name).map(String::as_str).or_else(secret).filter(|value| !value.is_empty())
        };
        Ok(Self {
            group: value(GROUP).ok_or_else(|| format!("must specify a value for log opt '{GROUP}'"))?.to_owned(),
            region: value(REGION).map(str::to_owned),
            prefix: value(PREFIX).map(str::to_owned),
            create_group: match value(CREATE_GROUP) {
                None | Some("false") => false,
                Some("true") => true,
                Some(other) => return Err(format!("must specify valid value for log opt '{CREATE_GROUP}': {other}")),
            },
            event_start: event_start(value(DATETIME), value(PATTERN))?,
            mode: match (value(MODE), value(BUFFER_SIZE)) {
                (Some("blocking"), _) => Mode::Blocking,
                (None | Some("non-blocking"), None) => Mode::NonBlocking(BUFFER),
                (None | Some("non-blocking"), Some(size)) => {
                    Mode::NonBlocking(bytes(size).ok_or_else(|| format!("invalid size for log opt '{BUFFER_SIZE}': '{size}'"))?)
                }
                (Some(other), _) => return Err(format!("invalid value for log opt '{MODE}': {other}")),
            },
        })
    }
}

fn event_start(datetime: Option<&str>, pattern: Option<&str>) -> Result<Option<Regex>, String> {
    let (text, pattern) = match (datetime, pattern) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(format!("you cannot configure log opt '{DATETIME}' and '{PATTERN}' at the same time"));
        }
        (Some(format), None) => (format, datetime::pattern(format)),
        (None, Some(pattern)) => (pattern, pattern.to_owned()),
    };
    // Without Unicode's classes, as in Go, whose expressions these are: output need not be text.
    let built = RegexBuilder::new(&pattern).unicode(false).build();
    built.map(Some).map_err(|_| format!("awslogs could not parse multiline pattern key \"{text}\""))
}

/// `10m`, `512k`, `1g` or plain bytes, with or without a `b` at the end, as Docker reads sizes.
fn bytes(text: &str) -> Option<usize> {
    let lower = text.trim().to_ascii_lowercase();
    let plain = lower.strip_suffix('b').unwrap_or(&lower);
    let (number, shift) = match plain.as_bytes().last()? {
        b'k' => (&plain[..plain.len() - 1], 10),
        b'm' => (&plain[..plain.len() - 1], 20),
        b'g' => (&plain[..plain.len() - 1], 30),
        _ => (plain, 0),
    };
    let number: usize = number.trim().parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(1 << shift)
}

/// The `stoppedReason` of a task whose options are wrong, as its launch type has it ("Amazon ECS stopped task error messages").
pub(super) fn reason(output: &ContainerOutput, what: &str) -> String {
    if output.labels.get("launchType").is_some_and(|launch_type| launch_type == "FARGATE") {
        format!("ResourceInitializationError: failed to validate logger args: {what} : exit status 1")
    } else {
        format!("CannotStartContainerError: Error response from daemon: failed to initialize logging driver: {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::output;
    use super::*;

    fn refused(options: &[(&str, &str)]) -> String {
        Options::of(&output(options)).unwrap_err()
    }

    #[test]
    fn every_option_is_read() {
        let options = Options::of(&output(&[
            ("awslogs-group", "/ecs/app"),
            ("awslogs-region", "eu-west-1"),
            ("awslogs-stream-prefix", "ecs"),
            ("awslogs-create-group", "true"),
            ("awslogs-multiline-pattern", r"^\d+ INFO"),
            ("mode", "non-blocking"),
            ("max-buffer-size", "25m"),
        ]))
        .unwrap();
        assert_eq!(
            (options.group.as_str(), options.region.as_deref(), options.prefix.as_deref()),
            ("/ecs/app", Some("eu-west-1"), Some("ecs"))
        );
        assert!(options.create_group && options.event_start.unwrap().is_match(b"12 INFO"));
        assert_eq!(options.mode, Mode::NonBlocking(25 * 1024 * 1024));
    }

    #[test]
    fn defaults_are_those_of_the_api_reference() {
        // LogConfiguration: "it defaults to false"; "Amazon ECS will default to the non-blocking mode"; "Default value: 10m".
        let options = Options::of(&output(&[("awslogs-group", "app")])).unwrap();
        assert!(!options.create_group && options.region.is_none() && options.prefix.is_none() && options.event_start.is_none());
        assert_eq!(options.mode, Mode::NonBlocking(10 * 1024 * 1024));
        assert_eq!(Options::of(&output(&[("awslogs-group", "app"), ("mode", "blocking")])).unwrap().mode, Mode::Blocking);
    }

    #[test]
    fn what_is_wrong_is_said_as_dockers_driver_says_it() {
        let group = ("awslogs-group", "app");
        assert_eq!(refused(&[]), "must specify a value for log opt 'awslogs-group'");
        assert_eq!(refused(&[group, ("tag", "x")]), "unknown log opt 'tag' for awslogs log driver");
        assert_eq!(
            refused(&[group, ("awslogs-datetime-format", "%Y"), ("awslogs-multiline-pattern", "x")]),
            "you cannot configure log opt 'awslogs-datetime-format' and 'awslogs-multiline-pattern' at the same time"
        );
        assert_eq!(refused(&[group, ("awslogs-multiline-pattern", "(")]), "awslogs could not parse multiline pattern key \"(\"");
        assert_eq!(refused(&[group, ("mode", "fast")]), "invalid value for log opt 'mode': fast");
        assert_eq!(refused(&[group, ("max-buffer-size", "much")]), "invalid size for log opt 'max-buffer-size': 'much'");
    }

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("512", Some(512)),
            ("4k", Some(4096)),
            ("1MB", Some(1 << 20)),
            ("1g", Some(1 << 30)),
            ("0", None),
            ("m", None),
            ("-1", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
