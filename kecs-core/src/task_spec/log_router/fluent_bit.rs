//! The configuration of Fluent Bit, in its classic form.

use super::{EXCLUDE, INCLUDE, LogRouter, RouterInputs, RouterKind};

/// The tag of what a health check sends, which goes nowhere.
const HEALTH_CHECK: &str = "firelens-healthcheck";

pub(super) fn configuration(router: &LogRouter, inputs: &RouterInputs, include: Option<&str>) -> String {
    let mut text = Lines::default();
    if let Some(path) = &inputs.socket {
        text.section("INPUT", [("Name", "forward"), ("unix_path", path)]);
    }
    if let Some((address, port)) = &inputs.tcp {
        text.section("INPUT", [("Name", "forward"), ("Listen", address), ("Port", &port.to_string())]);
    }
    if let Some(port) = inputs.health_check {
        text.section("INPUT", [("Name", "tcp"), ("Tag", HEALTH_CHECK), ("Listen", "127.0.0.1"), ("Port", &port.to_string())]);
    }
    // All that let through come before those that keep back, whatever the container.
    for (option, rule) in [(INCLUDE, "Regex"), (EXCLUDE, "Exclude")] {
        for route in &router.routes {
            if let Some(pattern) = route.option(option) {
                let tag = tag(&route.container);
                text.section("FILTER", [("Name", "grep"), ("Match", &tag), (rule, &format!("log {pattern}"))]);
            }
        }
    }
    if !router.fields.is_empty() {
        let records: Vec<_> = router.fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let records = records.iter().map(|record| ("Record", record.as_str()));
        text.section("FILTER", [("Name", "record_modifier"), ("Match", "*")].into_iter().chain(records));
    }
    if let Some(path) = include {
        text.0.extend([format!("@INCLUDE {path}"), String::new()]);
    }
    if inputs.health_check.is_some() {
        text.section("OUTPUT", [("Name", "null"), ("Match", HEALTH_CHECK)]);
    }
    for route in &router.routes {
        if let Some(plugin) = route.option(RouterKind::FluentBit.output_option()) {
            let tag = tag(&route.container);
            let options = route.output_options(RouterKind::FluentBit);
            text.section("OUTPUT", [("Name", plugin), ("Match", &*tag)].into_iter().chain(options));
        }
    }
    text.0.join("\n")
}

fn tag(container: &str) -> String {
    format!("{container}-firelens*")
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn section<'a>(&mut self, kind: &str, members: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.push(format!("[{kind}]"));
        self.0.extend(members.into_iter().map(|(name, value)| format!("    {name} {value}")));
        self.0.push(String::new());
    }
}
