//! The configuration of Fluentd.

use super::{EXCLUDE, INCLUDE, LogRouter, RouterInputs, RouterKind};

pub(super) fn configuration(router: &LogRouter, inputs: &RouterInputs, include: Option<&str>) -> String {
    let mut text = Lines::default();
    if let Some(path) = &inputs.socket {
        text.directive("source", "", [("@type", "unix"), ("path", path)]);
    }
    if let Some((address, port)) = &inputs.tcp {
        text.directive("source", "", [("@type", "forward"), ("bind", address), ("port", &port.to_string())]);
    }
    // All that let through come before those that keep back, whatever the container.
    for (option, rule) in [(INCLUDE, "regexp"), (EXCLUDE, "exclude")] {
        for route in &router.routes {
            if let Some(pattern) = route.option(option) {
                text.filter(&tag(&route.container), "grep", rule, [("key", "log"), ("pattern", pattern)]);
            }
        }
    }
    if !router.fields.is_empty() {
        let fields = router.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        text.filter("**", "record_transformer", "record", fields);
    }
    if let Some(path) = include {
        text.0.extend([format!("@include {path}"), String::new()]);
    }
    for route in &router.routes {
        if let Some(plugin) = route.option(RouterKind::Fluentd.output_option()) {
            let members = [("@type", plugin)].into_iter().chain(route.output_options(RouterKind::Fluentd));
            text.directive("match", &format!(" {}", tag(&route.container)), members);
        }
    }
    text.0.join("\n")
}

fn tag(container: &str) -> String {
    format!("{container}-firelens**")
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn directive<'a>(&mut self, kind: &str, argument: &str, members: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.push(format!("<{kind}{argument}>"));
        self.0.extend(members.into_iter().map(|(name, value)| format!("    {name} {value}")));
        self.0.extend([format!("</{kind}>"), String::new()]);
    }

    /// A filter with one section in it.
    fn filter<'a>(&mut self, tag: &str, plugin: &str, section: &str, members: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.extend([format!("<filter {tag}>"), format!("    @type {plugin}"), format!("    <{section}>")]);
        self.0.extend(members.into_iter().map(|(name, value)| format!("        {name} {value}")));
        self.0.extend([format!("    </{section}>"), "</filter>".to_owned(), String::new()]);
    }
}
