//! What a container may do, and as whom.

use k8s_openapi::api::core::v1::{AppArmorProfile, Capabilities, SELinuxOptions, SecurityContext};
use kecs_core::BackendError;
use kecs_core::task_spec::ContainerSpec;

use super::{invalid, unsupported};

pub(super) fn context(container: &ContainerSpec, user: Option<&str>) -> Result<Option<SecurityContext>, BackendError> {
    let (add, drop) = (&container.linux.add_capabilities, &container.linux.drop_capabilities);
    let names =
        |names: &[String]| Some(names.iter().map(|name| capability(name)).collect()).filter(|names: &Vec<_>| !names.is_empty());
    let (run_as_user, run_as_group) = identity(user.filter(|user| !user.is_empty()), &container.name)?;
    let mut context = SecurityContext {
        capabilities: (!add.is_empty() || !drop.is_empty()).then(|| Capabilities { add: names(add), drop: names(drop) }),
        privileged: container.privileged.then_some(true),
        read_only_root_filesystem: container.readonly_root.then_some(true),
        run_as_user,
        run_as_group,
        ..SecurityContext::default()
    };
    for option in &container.security_options {
        apply(option, &mut context, &container.name)?;
    }
    Ok((context != SecurityContext::default()).then_some(context))
}

/// ECS takes names with and without the prefix; Kubernetes only without.
fn capability(name: &str) -> String {
    name.strip_prefix("CAP_").unwrap_or(name).to_owned()
}

/// `user`, `uid`, `user:group` or `uid:gid`. Names are in the image, which only the node has; root is 0 in all.
fn identity(user: Option<&str>, container: &str) -> Result<(Option<i64>, Option<i64>), BackendError> {
    let Some(user) = user else { return Ok((None, None)) };
    let (user, group) = user.split_once(':').map_or((user, None), |(user, group)| (user, Some(group)));
    let number = |name: &str| match name {
        "root" => Ok(0),
        name => name.parse::<u32>().map(i64::from).map_err(|_| {
            unsupported(format_args!("the user {name} (container {container}) by name: give its number, or leave it to the image"))
        }),
    };
    Ok((Some(number(user)?), group.map(number).transpose()?))
}

/// One of `dockerSecurityOptions`, in Docker's spelling.
fn apply(option: &str, context: &mut SecurityContext, container: &str) -> Result<(), BackendError> {
    let (kind, value) = option.split_once([':', '=']).unwrap_or((option, "true"));
    match (kind, value) {
        ("no-new-privileges", "true") => context.allow_privilege_escalation = Some(false),
        ("no-new-privileges", "false") => {}
        ("apparmor", "unconfined") => {
            context.app_armor_profile = Some(AppArmorProfile { type_: "Unconfined".to_owned(), localhost_profile: None });
        }
        ("apparmor", profile) => {
            let localhost_profile = Some(profile.to_owned());
            context.app_armor_profile = Some(AppArmorProfile { type_: "Localhost".to_owned(), localhost_profile });
        }
        ("label", value) => label(value, context.se_linux_options.get_or_insert_default())?,
        _ => return Err(unsupported(format_args!("the security option {option} (container {container})"))),
    }
    Ok(())
}

/// SELinux: `user:…`, `role:…`, `type:…`, `level:…`.
fn label(value: &str, options: &mut SELinuxOptions) -> Result<(), BackendError> {
    let (part, value) =
        value.split_once([':', '=']).ok_or_else(|| unsupported(format_args!("the security option label:{value}")))?;
    let value = Some(value.to_owned());
    match part {
        "user" => options.user = value,
        "role" => options.role = value,
        "type" => options.type_ = value,
        "level" => options.level = value,
        other => return Err(invalid(format!("there is no SELinux label {other}"))),
    }
    Ok(())
}
