//! `kecs version`.

use crate::terminal;

/// Prints the version.
pub(crate) fn run(json: bool) {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        terminal::say(&serde_json::json!({ "version": version, "endpointApi": "ecs 2014-11-13" }).to_string());
    } else {
        terminal::say(&format!("kecs {version}"));
    }
}
