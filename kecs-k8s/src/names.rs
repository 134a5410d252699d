//! What things are called in Kubernetes.

use kecs_core::{ClusterRef, Scope, TaskId};
use sha2::{Digest, Sha256};

/// Which KECS something belongs to; its value is the configured prefix.
pub(crate) const OWNER_LABEL: &str = "kecs.io/owner";
/// The task's id, on pods and secrets.
pub(crate) const TASK_LABEL: &str = "kecs.io/task-id";
/// The role, of which account and region, on service accounts and the pods that have them: digits that tell it from others.
pub(crate) const ROLE_LABEL: &str = "kecs.io/role";
/// The role's ARN, on service accounts, as Amazon EKS has it.
pub(crate) const ROLE_ARN_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// The task's family, for people; shortened where it is too long.
pub(crate) const FAMILY_LABEL: &str = "kecs.io/family";
/// The task's group, for people and for spreading a service's tasks; shortened where it is too long.
pub(crate) const GROUP_LABEL: &str = "kecs.io/group";
/// The task's ARN.
pub(crate) const ARN_ANNOTATION: &str = "kecs.io/task-arn";
/// The task's tags.
pub(crate) const TAGS_ANNOTATION: &str = "kecs.io/tags";
/// The containers' Docker labels.
pub(crate) const DOCKER_LABELS_ANNOTATION: &str = "kecs.io/docker-labels";
/// The rules by which the task runs: a [`TaskPlan`](crate::plan::TaskPlan).
pub(crate) const PLAN_ANNOTATION: &str = "kecs.io/plan";
/// That and why the task ends: a [`StopOrder`](crate::plan::StopOrder).
pub(crate) const STOP_ANNOTATION: &str = "kecs.io/stop";
/// The cluster, on namespaces.
pub(crate) const CLUSTER_ANNOTATION: &str = "kecs.io/cluster";
/// Which LocalStack a pod is of.
pub(crate) const LOCALSTACK_LABEL: &str = "kecs.io/localstack";
/// Digits that tell the settings of a LocalStack from others.
pub(crate) const SETTINGS_LABEL: &str = "kecs.io/settings";
/// Keeps a pod that somebody deletes until its end was seen.
pub(crate) const FINALIZER: &str = "kecs.io/task";

/// The image of a container that waits for others. No image can be called that (upper case), so a kubelet neither pulls nor starts it, and
/// says so at once; writing the real one starts the container.
pub(crate) const WAITING_IMAGE: &str = "KECS:waiting-for-its-dependencies";
/// The image of a container that was told to end: a kubelet ends a container whose image has changed, and cannot start this one.
pub(crate) const STOPPED_IMAGE: &str = "KECS:stopped";

/// The longest label value, and the longest name of a namespace or container.
const LABEL: usize = 63;

/// The namespace of an ECS cluster. The digits at its end tell apart what only differs in account, region, case or underscores.
pub(crate) fn namespace(prefix: &str, cluster: &ClusterRef) -> String {
    let ClusterRef { scope, name } = cluster;
    let digits = hash(&[&scope.account, &scope.region, name], 10);
    let room = LABEL - prefix.len().min(20) - digits.len() - 2;
    join(&[prefix, &shorten(&plain(name), room), &digits])
}

/// The pod of a task, and its secret.
pub(crate) fn pod(task: TaskId) -> String {
    format!("task-{task}")
}

/// The service account of a role, and what it may do. The digits at its end tell apart what only differs in account, path or case.
pub(crate) fn role_account(role: &str) -> String {
    let name = role.rsplit(['/', ':']).next().unwrap_or_default();
    join(&["role", &shorten(&plain(name), 40), &hash(&[role], 10)])
}

/// The value of [`ROLE_LABEL`].
pub(crate) fn role_label(scope: &Scope, role: &str) -> String {
    digest(&[&scope.account, &scope.region, role])
}

/// The secret with the registry credentials of a task.
pub(crate) fn pull_secret(task: TaskId) -> String {
    format!("task-{task}-pull")
}

/// The secret with the files of a task.
pub(crate) fn files(task: TaskId) -> String {
    format!("task-{task}-files")
}

/// The key of one container's file in it.
pub(crate) fn file_key(container: usize, number: u32) -> String {
    format!("{container}.{number}")
}

/// The key of a file of the log router in it.
pub(crate) fn router_file_key(number: usize) -> String {
    format!("router.{number}")
}

/// A container, volume or claim in the form that Kubernetes wants: as it is where it can be, else with digits that tell it apart.
pub(crate) fn part(name: &str) -> String {
    let simple = plain(name);
    if simple == name && name.len() <= LABEL { simple } else { join(&[&shorten(&simple, LABEL - 9), &hash(&[name], 8)]) }
}

/// The LocalStack of a cluster, or that which clusters share.
pub(crate) fn localstack(cluster: Option<&str>) -> String {
    const BASE: &str = "localstack";
    let Some(cluster) = cluster else { return BASE.to_owned() };
    let (simple, room) = (plain(cluster), LABEL - BASE.len() - 1);
    let fits = simple == cluster && simple.len() <= room;
    if fits { join(&[BASE, &simple]) } else { join(&[BASE, &shorten(&simple, room - 9), &hash(&[cluster], 8)]) }
}

/// The secret with the token of a LocalStack.
pub(crate) fn localstack_token(name: &str) -> String {
    join(&[name, "token"])
}

/// Digits that tell texts apart.
pub(crate) fn digest(texts: &[&str]) -> String {
    hash(texts, 16)
}

/// A claim that outlives its task.
pub(crate) fn claim(kind: &str, names: &[&str]) -> String {
    join(&[kind, &shorten(&plain(names[0]), 40), &hash(names, 10)])
}

/// A label's value for people: letters, digits and `-_.`, at most 63, beginning and ending with a letter or digit.
pub(crate) fn label(value: &str) -> String {
    let clean = |letter: char| if letter.is_ascii_alphanumeric() || "-_.".contains(letter) { letter } else { '.' };
    let value: String = value.chars().map(clean).take(LABEL).collect();
    value.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()).to_owned()
}

/// Lower-case letters, digits and hyphens, none of which is at an end.
fn plain(name: &str) -> String {
    let clean = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    name.chars().map(clean).collect::<String>().trim_matches('-').to_owned()
}

fn shorten(name: &str, room: usize) -> String {
    name.chars().take(room).collect::<String>().trim_end_matches('-').to_owned()
}

fn join(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-")
}

fn hash(parts: &[&str], digits: usize) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().flat_map(|byte| [byte >> 4, byte & 15]).take(digits).map(hexadecimal).collect()
}

fn hexadecimal(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).expect("half a byte is one digit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> String {
        namespace("kecs", &ClusterRef { scope: Scope::new("000000000000", "us-east-1"), name: name.into() })
    }

    fn is_dns_label(name: &str) -> bool {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        name.len() <= 63
            && name.bytes().all(|byte| letter(byte) || byte == b'-')
            && name.bytes().next().is_some_and(letter)
            && name.bytes().last().is_some_and(letter)
    }

    #[test]
    fn every_cluster_name_has_a_namespace_of_its_own() {
        let long = "a".repeat(255);
        let names = ["default", "Default", "de_fault", "de-fault", "_", "-", "x", &long, &long[..254]];
        let mut spaces: Vec<String> = names.iter().map(|name| of(name)).collect();
        assert!(spaces.iter().all(|space| is_dns_label(space)), "{spaces:?}");
        assert!(spaces[0].starts_with("kecs-default-"), "{spaces:?}");
        spaces.sort();
        spaces.dedup();
        assert_eq!(spaces.len(), names.len());
    }

    #[test]
    fn the_same_cluster_name_elsewhere_is_another_namespace() {
        let elsewhere = ClusterRef { scope: Scope::new("000000000000", "eu-west-1"), name: "default".into() };
        assert_ne!(namespace("kecs", &elsewhere), of("default"));
    }

    #[test]
    fn every_role_has_an_account_of_its_own() {
        let long = format!("arn:aws:iam::000000000000:role/{}", "r".repeat(64));
        let arns = [
            "arn:aws:iam::000000000000:role/web",
            "arn:aws:iam::000000000000:role/Web",
            "arn:aws:iam::000000000000:role/apps/web",
            "arn:aws:iam::111122223333:role/web",
            "arn:aws:iam::000000000000:role/_+=,.@-",
            &long,
        ];
        let mut names: Vec<String> = arns.iter().map(|arn| role_account(arn)).collect();
        assert!(names.iter().all(|name| is_dns_label(name)), "{names:?}");
        assert!(names[0].starts_with("role-web-"), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), arns.len());
    }

    #[test]
    fn a_name_that_kubernetes_takes_stays_as_it_is() {
        assert_eq!(part("app-1"), "app-1");
        for name in ["App", "log_router", "-", &"c".repeat(255)] {
            assert!(is_dns_label(&part(name)), "{}", part(name));
        }
        assert_ne!(part("log_router"), part("log-router"));
    }

    #[test]
    fn a_label_keeps_what_people_read() {
        assert_eq!(label("service:web"), "service.web");
        assert_eq!(label("_x_"), "x");
        assert_eq!(label(&"g".repeat(100)).len(), 63);
    }
}
