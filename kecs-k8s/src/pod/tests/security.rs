use kecs_core::testing::{container, spec};
use serde_json::{Value, json};

use super::{part_of, refusal};

fn as_user(user: &str) -> Value {
    part_of(container("app").with(|spec| spec.user = Some(user.to_owned())))["securityContext"].take()
}

#[test]
fn users_are_numbers_or_root() {
    assert_eq!(as_user("1000"), json!({"runAsUser": 1000}));
    assert_eq!(as_user("1000:50"), json!({"runAsUser": 1000, "runAsGroup": 50}));
    assert_eq!(as_user("root"), json!({"runAsUser": 0}));
}

#[test]
fn a_user_whom_only_the_image_knows_is_refused() {
    let by_name = spec([container("app").with(|spec| spec.user = Some("www-data".to_owned()))]);
    assert!(refusal(&by_name).contains("the user www-data (container app) by name"), "{}", refusal(&by_name));
}

#[test]
fn capabilities_privileges_and_a_read_only_root_are_honoured() {
    let part = part_of(container("app").with(|spec| {
        spec.linux.add_capabilities = vec!["CAP_NET_ADMIN".to_owned(), "SYS_PTRACE".to_owned()];
        spec.linux.drop_capabilities = vec!["ALL".to_owned()];
        spec.privileged = true;
        spec.readonly_root = true;
    }));
    assert_eq!(
        part["securityContext"],
        json!({
            "capabilities": {"add": ["NET_ADMIN", "SYS_PTRACE"], "drop": ["ALL"]},
            "privileged": true, "readOnlyRootFilesystem": true,
        })
    );
}

#[test]
fn docker_security_options_are_honoured() {
    let options = ["no-new-privileges", "apparmor:mine", "label:type:svirt_apache_t", "label:level:s0"];
    let part = part_of(container("app").with(|spec| spec.security_options = options.map(str::to_owned).to_vec()));
    assert_eq!(
        part["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
            "seLinuxOptions": {"type": "svirt_apache_t", "level": "s0"},
        })
    );
    let unknown = spec([container("app").with(|spec| spec.security_options = vec!["credentialspec:file://x".to_owned()])]);
    assert!(refusal(&unknown).contains("credentialspec"));
}
