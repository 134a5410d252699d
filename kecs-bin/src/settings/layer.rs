//! What one source says: raw values by setting, each with where it was said.

use std::collections::BTreeMap;
use std::fmt;

use super::clusters::ClusterSettings;
use super::table::{Kind, SETTINGS};
use crate::failure::{Exit, Failure};

/// What one source says.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// By the name of the setting.
    pub(super) values: BTreeMap<&'static str, Raw>,
    /// The clusters that the file has settings for; no other source can have any.
    pub(super) clusters: Vec<ClusterSettings>,
}

/// The values of one setting as they were written. `Debug` does not show them: some are secret.
pub(crate) struct Raw {
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Where values were written, as an error message begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--listen`
    Flag(&'static str),
    /// `KECS_LISTEN`
    Variable(String),
    /// `kecs-config.yaml:3:1: listen`
    File { place: String, key: &'static str, folder: std::path::PathBuf },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { place, key, .. } => write!(f, "{place}: {key}"),
        }
    }
}

impl Origin {
    /// The exit code of an error in a value from here.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Flag(_) | Self::Variable(_) => Exit::Usage,
            Self::File { .. } => Exit::Config,
        }
    }
}

impl Raw {
    /// What the command line says.
    pub(crate) fn flag(name: &'static str, values: Vec<String>) -> Self {
        Self { values, origin: Origin::Flag(name) }
    }
}

impl Layer {
    /// What the command line says.
    pub(crate) fn of_flags(flags: impl IntoIterator<Item = (&'static str, Raw)>) -> Self {
        Self { values: flags.into_iter().collect(), clusters: Vec::new() }
    }

    /// What the environment says. An empty variable says nothing.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<Self, Failure> {
        let mut layer = Self::default();
        for setting in SETTINGS {
            let name = setting.variable();
            let Some(value) = variable(&name).filter(|value| !value.is_empty()) else { continue };
            let Ok(value) = value.into_string() else {
                return Err(Failure::new(Exit::Usage, format_args!("{name} is not UTF-8"), "set it to plain text"));
            };
            let values = match setting.kind {
                Kind::Many => split_list(&value),
                Kind::One | Kind::Switch => vec![value],
            };
            layer.values.insert(setting.name, Raw { values, origin: Origin::Variable(name) });
        }
        Ok(layer)
    }
}

/// `a, b` as two values.
pub(super) fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|value| !value.is_empty()).map(ToOwned::to_owned).collect()
}
