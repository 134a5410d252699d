//! What `kecs start` can be told, and by whom: command line, environment, configuration file, default, in that order.

mod clusters;
mod file;
mod layer;
mod resolve;
mod table;
mod values;

pub(crate) use clusters::ClusterSettings;
pub(crate) use file::FILE_NAME;
pub(crate) use layer::{Layer, Origin, Raw};
pub(crate) use resolve::KubernetesSettings;
pub(crate) use resolve::{Settings, data_dir};
pub(crate) use table::{Kind, SETTINGS, Setting};
pub(crate) use values::{
    AuthMode, BadValue, BinarySecrets, ClusterTool, KubeRoles, LocalStackMode, OnExit, Runtime, State, in_home,
};
