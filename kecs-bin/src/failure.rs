//! Why the command failed: one line for the person, one code for the script.

use std::fmt;

/// The exit codes, after sysexits(3). `docs/cli.md` has the same table, and a test compares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command line or the environment is wrong.
    Usage = 64,
    /// The state file is damaged, foreign or of another version.
    Data = 65,
    /// No KECS runs where one was asked for, or it does not answer.
    Unavailable = 69,
    /// KECS itself failed; a bug to report.
    Software = 70,
    /// A file or folder cannot be made or written.
    CannotCreate = 73,
    /// Something is in use that will be free later: the port, or the data folder.
    Temporary = 75,
    /// The configuration file is wrong.
    Config = 78,
}

impl Exit {
    /// All of them, in the order of the documentation.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 7] =
        [Self::Usage, Self::Data, Self::Unavailable, Self::Software, Self::CannotCreate, Self::Temporary, Self::Config];
}

/// An error that ends the command. Its text is `what: what to do`, in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// `what` happened, and what `to_do` about it.
    pub(crate) fn new(exit: Exit, what: impl fmt::Display, to_do: impl fmt::Display) -> Self {
        Self::line(exit, format!("{what}: {to_do}"))
    }

    /// A text that says both already. Line breaks become spaces, so that it stays one line.
    pub(crate) fn line(exit: Exit, text: impl fmt::Display) -> Self {
        let text = text.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { exit, text }
    }

    /// The code that the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_it_is_made_of() {
        let failure = Failure::new(Exit::Usage, "a\nb", "do\n  c");
        assert_eq!(failure.to_string(), "a b: do c");
    }

    /// The numbers are those of `<sysexits.h>` (EX_USAGE, EX_DATAERR, EX_UNAVAILABLE, EX_SOFTWARE, EX_CANTCREAT, EX_TEMPFAIL,
    /// EX_CONFIG), and the documentation lists each.
    #[test]
    fn every_exit_code_is_documented() {
        let documentation = include_str!("../../docs/cli.md");
        assert_eq!(Exit::ALL.map(|exit| exit as u8), [64, 65, 69, 70, 73, 75, 78]);
        for exit in Exit::ALL {
            let row = format!("| {} |", exit as u8);
            assert!(documentation.contains(&row), "docs/cli.md has no row {row}");
        }
    }
}
