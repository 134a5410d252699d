//! The sidecar's image: that it is made, and what it weighs. That it runs is checked by the step `cluster`.

use anyhow::{Context, Result};

use super::options::Options;
use super::output;
use super::tally::Tally;
use crate::image::{self, SIDECAR};

/// The target of the design, for the image unpacked.
const LARGEST: u64 = 15 << 20;

/// Makes the image and looks at it.
pub(crate) fn run(_: &Options) -> Result<Tally> {
    if let Some(why) = image::lacking() {
        return Ok(Tally::skipped("image", &why));
    }
    let made = image::make(SIDECAR, None)?;
    let program = std::fs::read(&made.program).with_context(|| format!("cannot read {}", made.program.display()))?;
    let archive = made.archive.metadata().with_context(|| format!("cannot look at {}", made.archive.display()))?.len();
    let unpacked = u64::try_from(program.len()).context("the program is too large")?;
    output::line(&format!(
        "{}: the program has {:.1} MiB, the archive {:.1} MiB",
        SIDECAR.reference(),
        image::mebibytes(unpacked),
        image::mebibytes(archive)
    ));
    let mut total = Tally::default();
    for (holds, otherwise) in [
        (image::is_static(&program), "the program needs a loader, and there is none in the image"),
        (unpacked < LARGEST, "the image has 15 MiB or more"),
    ] {
        total.add(if holds { Tally::passed() } else { Tally::failed(otherwise.to_owned()) });
    }
    Ok(total)
}
