//! Open enums.

use kecs_model::aws_json;
use kecs_model::ecs::{Container, HealthStatus, LaunchType, NetworkMode, SettingName, TransportProtocol};
use proptest::prelude::*;

#[test]
fn a_value_that_the_model_does_not_have_survives_a_round_trip() {
    let body = br#"{"healthStatus":"FROM_THE_FUTURE"}"#;
    let container: Container = aws_json::decode(body).unwrap();
    assert_eq!(container.health_status, Some(HealthStatus::Unrecognized("FROM_THE_FUTURE".into())));
    assert_eq!(aws_json::encode(&container).unwrap(), body);
}

#[test]
fn a_modelled_unknown_is_not_an_unrecognized_value() {
    assert_eq!(HealthStatus::from("UNKNOWN"), HealthStatus::Unknown);
}

#[test]
fn case_matters() {
    assert_eq!(NetworkMode::from("awsvpc"), NetworkMode::Awsvpc);
    assert_eq!(NetworkMode::from("AWSVPC"), NetworkMode::Unrecognized("AWSVPC".into()));
}

#[test]
fn each_value_of_the_model_is_a_variant_of_its_own() {
    for value in SettingName::VALUES {
        let name = SettingName::from(*value);
        assert_eq!(name.as_str(), *value);
        assert!(!matches!(name, SettingName::Unrecognized(_)), "{value}");
    }
    // As listed for "name" at https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutAccountSetting.html
    assert!(SettingName::VALUES.contains(&"fargateFIPSMode"));
    assert_eq!(TransportProtocol::VALUES, ["tcp", "udp"]);
}

proptest! {
    #[test]
    fn any_string_is_a_launch_type_and_stays_what_it_is(value in ".*") {
        let launch_type = LaunchType::from(value.as_str());
        prop_assert_eq!(launch_type.as_str(), &value);
        prop_assert_eq!(
            matches!(launch_type, LaunchType::Unrecognized(_)),
            !LaunchType::VALUES.contains(&value.as_str())
        );
        let json = serde_json::to_string(&launch_type).unwrap();
        prop_assert_eq!(serde_json::from_str::<LaunchType>(&json).unwrap(), launch_type);
    }
}
