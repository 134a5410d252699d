//! `cargo xtask image`: container images of our programs, made with neither a builder nor a registry.
//!
//! An image is one static program on nothing at all (FROM scratch, ADR 0018). The `Dockerfile` at the root makes the same ones where there is Docker.

mod archive;
#[cfg(test)]
mod dockerfile;
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

pub(crate) use program::{is_static, lacking};

use crate::test::{output, process};

/// Where the names of images begin. There need not be such a registry: nodes get these images by import, or under a name of one's own registry.
const REGISTRY: &str = "kecs.io";

/// An image, which has the name of its only program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) name: &'static str,
    title: &'static str,
}

/// What stands beside the containers of each task.
pub(crate) const SIDECAR: Image = Image { name: "kecs-sidecar", title: "The AWS endpoint of one task" };

/// The control plane.
pub(crate) const KECS: Image = Image { name: "kecs", title: "A local and self-hosted Amazon ECS" };

const IMAGES: [Image; 2] = [SIDECAR, KECS];

impl Image {
    /// The name by which pods ask for it, `kecs.io/kecs-sidecar:0.1.0`.
    pub(crate) fn reference(self) -> String {
        format!("{REGISTRY}/{}:{}", self.name, env!("CARGO_PKG_VERSION"))
    }

    fn default_path(self) -> PathBuf {
        process::target("images").join(format!("{}.tar", self.name))
    }
}

/// An image that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The archive.
    pub(crate) archive: PathBuf,
    /// The program in it, as it was built.
    pub(crate) program: PathBuf,
}

/// Carries out `cargo xtask image WORDS`.
///
/// # Errors
/// When the words are not understood, or the program does not build.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (image, out) = parse(words)?;
    let made = make(image, out.as_deref())?;
    let size = made.archive.metadata().with_context(|| format!("cannot look at {}", made.archive.display()))?.len();
    output::line(&format!("{} is {} in {} ({:.1} MiB)", image.name, image.reference(), made.archive.display(), mebibytes(size)));
    Ok(())
}

fn parse(words: &[&str]) -> Result<(Image, Option<PathBuf>)> {
    let (name, rest) = match words {
        [name, rest @ ..] if !name.starts_with('-') => (*name, rest),
        rest => (SIDECAR.name, rest),
    };
    let Some(image) = IMAGES.into_iter().find(|image| image.name == name) else {
        bail!("there is no image {name}: the images are {}", IMAGES.map(|image| image.name).join(" and "));
    };
    match rest {
        [] => Ok((image, None)),
        ["--out", file] => Ok((image, Some(PathBuf::from(file)))),
        _ => bail!("say `image [NAME] [--out FILE]`"),
    }
}

/// Builds the program of an image, and writes the archive, to `target/images` unless told otherwise. The same sources and toolchain make the same
/// archive, whoever makes it and wherever.
///
/// # Errors
/// When the program does not build, or the file cannot be written.
pub(crate) fn make(image: Image, out: Option<&Path>) -> Result<Made> {
    let program = program::build(image.name)?;
    let content = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let bytes = archive::of_program(image, &content)?;
    let archive = out.map_or_else(|| image.default_path(), Path::to_path_buf);
    if let Some(folder) = archive.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(&archive, bytes).with_context(|| format!("cannot write {}", archive.display()))?;
    Ok(Made { archive, program })
}

/// For people.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sidecar_is_meant_unless_another_is_named() {
        assert_eq!(parse(&[]).unwrap(), (SIDECAR, None));
        assert_eq!(parse(&["--out", "x.tar"]).unwrap(), (SIDECAR, Some("x.tar".into())));
        assert_eq!(parse(&["kecs", "--out", "x.tar"]).unwrap(), (KECS, Some("x.tar".into())));
    }

    #[test]
    fn an_unknown_image_is_refused_with_the_known_ones() {
        assert_eq!(parse(&["nginx"]).unwrap_err().to_string(), "there is no image nginx: the images are kecs-sidecar and kecs");
    }
}
