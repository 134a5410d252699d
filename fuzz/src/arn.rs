//! ARNs, and the references to secrets that may be ARNs.

use kecs_core::arn::Arn;
use kecs_core::{Scope, SecretRef};

/// An ARN that is taken apart and put together again is the same text, and its resource is a part of it.
pub fn arn(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(arn) = Arn::parse(&text) {
        assert_eq!(arn.to_string(), text);
        let scope = Scope::new(arn.account, arn.region);
        if let Some((kind, name)) = arn.ecs_resource(&scope) {
            assert!(!kind.contains('/') && arn.resource.ends_with(name));
        }
    }
    let reference = SecretRef::parse(&text);
    assert_eq!(reference, SecretRef::parse(&text));
    if let SecretRef::SsmParameter { name } = &reference {
        assert_eq!(*name, text, "a parameter's name is taken as it is written");
    }
}
