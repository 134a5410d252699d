//! What is left of a task whose supervisor died: found, ended, and told as it was.

use std::io;

use kecs_core::{StopCause, TaskId};
use kecs_model::Timestamp;

use super::folder::{FolderLock, TaskFolder};
use super::host::{self, Stat};
use super::record::TaskRecord;

/// Says what became of a task whose supervisor is gone, which having the lock proves. Blocks.
///
/// A state that the supervisor called final is the truth. Otherwise nobody saw the end: what still runs of the task is killed, and it is
/// [lost](StopCause::Lost). `None` for a task that was never acknowledged.
pub(super) fn settle(folder: &TaskFolder, lock: &FolderLock, now: Timestamp) -> io::Result<Option<TaskRecord>> {
    let _: &FolderLock = lock;
    let Some(record) = folder.read_state()? else { return Ok(None) };
    if record.is_final() {
        return Ok(Some(record));
    }
    kill(&record)?;
    let reason = "the supervisor of the task ended before the task did";
    let record = record.ended(StopCause::Lost { reason: reason.to_owned() }, reason, now);
    folder.write_state(&serde_json::to_vec(&record)?)?;
    Ok(Some(record))
}

/// Kills every process of the task, until a look around finds none.
fn kill(record: &TaskRecord) -> io::Result<()> {
    let Some(supervisor) = &record.supervisor else { return Ok(()) };
    if supervisor.boot != host::boot_id() {
        return Ok(());
    }
    let groups: Vec<i32> = record.containers.iter().filter_map(|container| Some(container.process.as_ref()?.pid)).collect();
    // The session is the supervisor's, the group is a container's, and it is not older than the supervisor: a stranger would need all three.
    let is_ours = |stat: &Stat| {
        stat.session == supervisor.pid && groups.contains(&stat.group) && supervisor.start.is_some_and(|start| start <= stat.start)
    };
    loop {
        let found = find(record.task.id, is_ours);
        if found.is_empty() {
            return Ok(());
        }
        for (pid, start) in found {
            kecs_process::kill_and_wait(pid, || Stat::of(pid).is_some_and(|stat| stat.start == start))?;
        }
    }
}

fn find(task: TaskId, is_ours: impl Fn(&Stat) -> bool) -> Vec<(i32, u64)> {
    let task = task.to_string();
    host::processes()
        .filter(|(_, stat)| !stat.is_dead())
        .filter(|(pid, stat)| is_ours(stat) || host::is_marked(*pid, &task))
        .map(|(pid, stat)| (pid, stat.start))
        .collect()
}
