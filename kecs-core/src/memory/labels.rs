//! Scripts in a task definition's `dockerLabels`.

use std::time::Duration;

use super::script::{ContainerScript, TaskScript};
use crate::task_spec::ContainerSpec;
use crate::{BackendError, ErrorKind, TaskSpec};

const PREFIX: &str = "kecs.io/memory.";

/// The scripts of a task's containers, in their order, changed by their labels.
pub(super) fn with_labels(script: &TaskScript, spec: &TaskSpec) -> Result<Vec<ContainerScript>, BackendError> {
    spec.containers.iter().map(|container| with_labels_of(container, script.of(&container.name).clone())).collect()
}

fn with_labels_of(container: &ContainerSpec, mut script: ContainerScript) -> Result<ContainerScript, BackendError> {
    for (label, value) in &container.labels {
        let Some(name) = label.strip_prefix(PREFIX) else { continue };
        apply(&mut script, name, value).map_err(|expected| {
            let message = format!("the label {label} of container {} must be {expected}", container.name);
            BackendError::new(ErrorKind::Invalid, message)
        })?;
    }
    Ok(script)
}

/// Applies one label, or says what its value (or name) should have been.
fn apply(script: &mut ContainerScript, name: &str, value: &str) -> Result<(), &'static str> {
    let exit = script.exit.unwrap_or_default();
    match name {
        "start-delay" => script.start_delay = duration(value)?,
        "start-failure" => script.start_failure = Some(value.to_owned()),
        "exit-after" => script.exit = Some((duration(value)?, exit.1)),
        "exit-code" => script.exit = Some((exit.0, value.trim().parse().map_err(|_| "a number")?)),
        "health" => script.health = value.split(',').map(health).collect::<Result<_, _>>()?,
        "ignore-sigterm" => script.ignores_sigterm = value.trim().parse().map_err(|_| "true or false")?,
        "log" => script.log = value.lines().map(str::to_owned).collect(),
        _ => return Err("one of start-delay, start-failure, exit-after, exit-code, health, ignore-sigterm, log"),
    }
    Ok(())
}

fn health(value: &str) -> Result<bool, &'static str> {
    match value.trim() {
        "healthy" => Ok(true),
        "unhealthy" => Ok(false),
        _ => Err("healthy or unhealthy, or several of them with commas between"),
    }
}

fn duration(value: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "a number of seconds, or a number with ms, s or m";
    let value = value.trim();
    let (number, unit) = value.split_at(value.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(value.len()));
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        _ => return Err(EXPECTED),
    };
    let number: f64 = number.parse().map_err(|_| EXPECTED)?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{container, spec};

    fn read(label: &str, value: &str) -> Result<ContainerScript, String> {
        let spec = spec([container("app").label(&format!("kecs.io/memory.{label}"), value)]);
        let scripts = with_labels(&TaskScript::default(), &spec).map_err(|error| error.to_string());
        scripts.map(|mut scripts| scripts.remove(0))
    }

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        for (text, millis) in [("2", 2000), ("0.5", 500), ("250ms", 250), ("5s", 5000), ("2m", 120_000)] {
            let expected = ContainerScript::new().start_delay(Duration::from_millis(millis));
            assert_eq!(read("start-delay", text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_exit_code_alone_is_an_exit_at_once() {
        assert_eq!(read("exit-code", "3"), Ok(ContainerScript::new().exit(Duration::ZERO, 3)));
    }

    #[test]
    fn an_exit_time_alone_is_an_exit_with_code_0() {
        assert_eq!(read("exit-after", "10"), Ok(ContainerScript::new().exit(Duration::from_secs(10), 0)));
    }

    #[test]
    fn a_label_that_cannot_be_read_is_named_with_what_it_should_be() {
        for (label, value, expected) in [
            ("exit-code", "three", "a number"),
            ("exit-after", "-1", "a number of seconds, or a number with ms, s or m"),
            ("start-delay", "1h", "a number of seconds, or a number with ms, s or m"),
            ("health", "good", "healthy or unhealthy, or several of them with commas between"),
            ("ignore-sigterm", "yes", "true or false"),
            ("exit", "1", "one of start-delay, start-failure, exit-after, exit-code, health, ignore-sigterm, log"),
        ] {
            let message = format!("the label kecs.io/memory.{label} of container app must be {expected}");
            assert_eq!(read(label, value), Err(message));
        }
    }

    #[test]
    fn labels_of_others_are_none_of_our_business() {
        let spec = spec([container("app").label("com.example/exit-code", "three")]);
        assert_eq!(with_labels(&TaskScript::default(), &spec).unwrap(), [ContainerScript::new()]);
    }
}
