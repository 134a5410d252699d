//! The log router of a task: what FireLens makes of `firelensConfiguration` and of the log options of the containers around it.
//!
//! What a router is told is what the agent of Amazon ECS tells it (its packages `taskresource/firelens`, and "How Firelens works" of AWS): where to
//! listen, which fields to add to each record, the file of the user's, and an output for each container.

mod fluent_bit;
mod fluentd;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

/// The port on which a router listens for records by default, and that containers find in `FLUENT_PORT`.
pub const FLUENT_PORT: u16 = 24224;

/// Lets through what matches, and is no option of an output.
const INCLUDE: &str = "include-pattern";
/// Keeps back what matches.
const EXCLUDE: &str = "exclude-pattern";

/// What makes a container the log router of its task.
#[derive(Clone, Debug)]
pub struct LogRouter {
    /// Which program it is.
    pub kind: RouterKind,
    /// What is added to each record, by name.
    pub fields: BTreeMap<String, String>,
    /// The containers whose output it gets, in the order of the task definition.
    pub routes: Vec<Route>,
    /// A further file of configuration.
    pub include: Option<RouterInclude>,
}

/// The program of a log router: the `type` of a `firelensConfiguration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouterKind {
    /// Fluent Bit.
    FluentBit,
    /// Fluentd.
    Fluentd,
}

/// Where the output of one container goes.
#[derive(Clone)]
pub struct Route {
    /// The container's name.
    pub container: String,
    /// The options of its log driver. Those that are secret are references to variables of the router's.
    pub options: BTreeMap<String, String>,
}

/// A file of configuration that the user has.
#[derive(Clone)]
pub enum RouterInclude {
    /// It is in the router's image, by this path.
    File(String),
    /// It was read for the task, and is put where the router looks for it.
    Content(Bytes),
}

/// Where a router listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouterInputs {
    /// A Unix socket, by its path.
    pub socket: Option<String>,
    /// An address and a port.
    pub tcp: Option<(String, u16)>,
    /// A port of loopback for the health check of the container, which Fluent Bit has.
    pub health_check: Option<u16>,
}

// Output plug-ins take credentials in their options, and files of configuration hold what anybody wrote there.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { container, options } = self;
        f.debug_struct("Route").field("container", container).field("options", &options.keys().collect::<Vec<_>>()).finish()
    }
}

impl fmt::Debug for RouterInclude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Content(content) => f.debug_struct("Content").field("bytes", &content.len()).finish(),
        }
    }
}

impl RouterKind {
    /// The folder of its configuration, as the images of its makers have it.
    fn folder(self) -> &'static str {
        match self {
            Self::FluentBit => "/fluent-bit/etc",
            Self::Fluentd => "/fluentd/etc",
        }
    }

    fn main_file(self) -> &'static str {
        match self {
            Self::FluentBit => "fluent-bit.conf",
            Self::Fluentd => "fluent.conf",
        }
    }

    /// The option that names the plug-in of an output.
    pub(crate) fn output_option(self) -> &'static str {
        match self {
            Self::FluentBit => "Name",
            Self::Fluentd => "@type",
        }
    }

    /// How a configuration refers to a variable of the router's environment.
    pub(crate) fn reference(self, variable: &str) -> String {
        match self {
            Self::FluentBit => format!("${{{variable}}}"),
            Self::Fluentd => format!("\"#{{ENV['{variable}']}}\""),
        }
    }
}

impl Route {
    /// What its output has beside the plug-in.
    pub(crate) fn output_options(&self, kind: RouterKind) -> impl Iterator<Item = (&str, &str)> {
        let options = self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        options.filter(move |(name, _)| ![kind.output_option(), INCLUDE, EXCLUDE].contains(name))
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }
}

impl LogRouter {
    /// The files that the router reads, by their paths in its container. They may hold credentials that users wrote into options.
    pub fn files(&self, inputs: &RouterInputs) -> Vec<(String, Bytes)> {
        let folder = self.kind.folder();
        let external = format!("{folder}/external.conf");
        let include = self.include.as_ref().map(|include| match include {
            RouterInclude::File(path) => path.as_str(),
            RouterInclude::Content(_) => &external,
        });
        let text = match self.kind {
            RouterKind::FluentBit => fluent_bit::configuration(self, inputs, include),
            RouterKind::Fluentd => fluentd::configuration(self, inputs, include),
        };
        let mut files = vec![(format!("{folder}/{}", self.kind.main_file()), Bytes::from(text))];
        if let Some(RouterInclude::Content(content)) = &self.include {
            files.push((external, content.clone()));
        }
        files
    }
}

#[cfg(test)]
mod tests;
