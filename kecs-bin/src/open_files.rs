//! How many files the process may have open, and so how many connections it takes.

use kecs_server::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is asked for, if it may be had: ECS's own default for tasks on Fargate, which tasks as processes inherit. More makes programs slow that
/// close whatever they might have open.
const WANTED: u64 = 65_536;
/// For what is no connection of a client's.
const OTHERS: u64 = 256;
/// A connection of a client's, and the one to whom its request is passed on.
const EACH: u64 = 2;
/// More clients than that at once are none of a local AWS.
const MOST: u64 = 8_192;

/// Lets the process have more open files, as far as it may without asking, and bounds the connections by what it has then.
///
/// Many systems let a program begin with 1,024, for the sake of those that use `select`. The sidecars of a thousand tasks are more than that.
pub(crate) fn limits() -> Limits {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is unlimited.
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    let mut open = current.unwrap_or(WANTED);
    if open < wanted && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok() {
        open = wanted;
    }
    let mut limits = Limits::default();
    limits.connections = connections(open);
    limits
}

fn connections(open_files: u64) -> usize {
    let connections = (open_files.saturating_sub(OTHERS) / EACH).clamp(16, MOST);
    usize::try_from(connections).expect("it is at most MOST")
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(connections(1_024), 384);
        assert_eq!(connections(20_000), 8_192);
        assert_eq!(connections(u64::MAX), 8_192);
        // Better too many than none.
        assert_eq!(connections(100), 16);
    }
}
