//! What a cluster takes from Debian, such as containerd, unpacked and not installed; and the images that are made of it.

use std::path::{Path, PathBuf};

use super::{cache, sources};

/// Where the packages are unpacked.
pub(crate) fn folder() -> PathBuf {
    cache().join("debian")
}

/// Where the archives of the images are.
pub(crate) fn images() -> PathBuf {
    cache().join("images")
}

/// Whether what the packages' script says now is unpacked.
pub(crate) fn is_there() -> bool {
    made_by(&folder(), &["packages.sh"])
}

/// Whether the images are those of the scripts as they are now.
pub(crate) fn has_images() -> bool {
    made_by(&images(), &["images.sh", "image.sh"])
}

/// A folder has a copy of each script that made it.
fn made_by(folder: &Path, scripts: &[&str]) -> bool {
    let text = |path: PathBuf| std::fs::read(path).ok();
    scripts.iter().all(|script| {
        let copy = text(folder.join(script));
        copy.is_some() && copy == text(sources().join(script))
    })
}
