//! The container images: that they are made, and what the sidecar's weighs. That they run is checked by the step `cluster`.

use anyhow::{Context, Result};

use super::options::Options;
use super::output;
use super::tally::Tally;
use crate::image::{self, Image, KECS, SIDECAR};

/// The target of the design, for the sidecar's image unpacked.
const LARGEST: u64 = 15 << 20;

/// Makes the images and looks at them.
pub(crate) fn run(_: &Options) -> Result<Tally> {
    if let Some(why) = image::lacking() {
        return Ok(Tally::skipped("image", &why));
    }
    let mut total = Tally::default();
    for image in [SIDECAR, KECS] {
        total.add(looked_at(image)?);
    }
    Ok(total)
}

fn looked_at(image: Image) -> Result<Tally> {
    let made = image::make(image, None)?;
    let program = std::fs::read(&made.program).with_context(|| format!("cannot read {}", made.program.display()))?;
    let archive = made.archive.metadata().with_context(|| format!("cannot look at {}", made.archive.display()))?.len();
    let unpacked = u64::try_from(program.len()).context("the program is too large")?;
    output::line(&format!(
        "{}: the program has {:.1} MiB, the archive {:.1} MiB",
        image.reference(),
        image::mebibytes(unpacked),
        image::mebibytes(archive)
    ));
    let mut total = Tally::default();
    let of_its_size = image != SIDECAR || unpacked < LARGEST;
    for (holds, otherwise) in [
        (image::is_static(&program), "the program needs a loader, and there is none in the image"),
        (of_its_size, "the image has 15 MiB or more"),
    ] {
        total.add(if holds { Tally::passed() } else { Tally::failed(format!("{}: {otherwise}", image.name)) });
    }
    Ok(total)
}
