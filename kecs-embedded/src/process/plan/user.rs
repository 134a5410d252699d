//! Who a container runs as: ECS's `user`, looked up in the host's files, because there is no image to have its own.

use std::fs;

use rustix::process::{getegid, geteuid};

use super::{Refusal, cannot_start, unsupported};
use crate::process::order::Identity;

/// The identity that `user` (`user`, `uid`, `user:group`, `uid:gid` or a mixture) means, `None` where it is this process's own.
pub(super) fn identity(user: &str) -> Result<Option<Identity>, Refusal> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let identity = look_up(user, &read("/etc/passwd"), &read("/etc/group"))?;
    let (uid, gid) = (geteuid(), getegid());
    if uid.is_root() {
        return Ok(Some(identity));
    }
    if identity.uid == uid.as_raw() && identity.gid == gid.as_raw() {
        return Ok(None);
    }
    Err(unsupported(format_args!("user {user}: KECS runs as uid {} and only root can start a container as another", uid.as_raw())))
}

/// The rules are Docker's: a name must be known, a number need not, and an unknown number's group is 0.
fn look_up(user: &str, passwd: &str, group: &str) -> Result<Identity, Refusal> {
    let (user, group_wanted) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    // passwd(5): name:password:UID:GID:…
    let known = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields[..] else { return None };
        let (uid, gid): (u32, u32) = (uid.parse().ok()?, gid.parse().ok()?);
        (name == user || user.parse() == Ok(uid)).then(|| (name.to_owned(), uid, gid))
    });
    let (name, uid, own_group) = match known {
        Some((name, uid, gid)) => (Some(name), uid, gid),
        None => match user.parse() {
            Ok(uid) => (None, uid, 0),
            Err(_) => return Err(cannot_start(format_args!("unable to find user {user}: no matching entries in passwd file"))),
        },
    };
    let Some(wanted) = group_wanted else {
        let groups = name.map(|name| member_of(&name, group)).unwrap_or_default();
        return Ok(Identity { uid, gid: own_group, groups });
    };
    let gid = groups_of(group)
        .find(|(name, gid, _)| *name == wanted || wanted.parse() == Ok(*gid))
        .map(|(_, gid, _)| gid)
        .or_else(|| wanted.parse().ok())
        .ok_or_else(|| cannot_start(format_args!("unable to find group {wanted}: no matching entries in group file")))?;
    // Docker leaves the supplementary groups out when a group is named.
    Ok(Identity { uid, gid, groups: Vec::new() })
}

fn member_of(user: &str, group: &str) -> Vec<u32> {
    groups_of(group).filter(|(_, _, members)| members.split(',').any(|member| member == user)).map(|(_, gid, _)| gid).collect()
}

/// group(5): name:password:GID:member,member,…
fn groups_of(group: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        Some((name, gid.parse().ok()?, members))
    })
}

#[cfg(test)]
mod tests {
    use super::{Identity, look_up};

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:34:web:/var/www:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlog:x:40:root,web\n";

    fn found(user: &str) -> Identity {
        look_up(user, PASSWD, GROUP).unwrap()
    }

    #[test]
    fn a_name_brings_its_groups_along() {
        assert_eq!(found("web"), Identity { uid: 33, gid: 34, groups: vec![40] });
        assert_eq!(found("33"), found("web"));
    }

    #[test]
    fn a_group_that_is_named_is_the_only_one() {
        assert_eq!(found("web:log"), Identity { uid: 33, gid: 40, groups: Vec::new() });
        assert_eq!(found("1000:1001"), Identity { uid: 1000, gid: 1001, groups: Vec::new() });
    }

    #[test]
    fn a_number_need_not_be_known_but_a_name_must() {
        assert_eq!(found("1000"), Identity { uid: 1000, gid: 0, groups: Vec::new() });
        assert!(look_up("nobody-here", PASSWD, GROUP).is_err());
        assert!(look_up("web:nothing-here", PASSWD, GROUP).is_err());
    }
}
