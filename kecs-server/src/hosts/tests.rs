use super::*;
use http::Request;

fn head(headers: &[(&str, &str)]) -> Parts {
    let builder = headers.iter().fold(Request::post("/"), |builder, (name, value)| builder.header(*name, *value));
    builder.body(()).unwrap().into_parts().0
}

fn host(host: &str) -> Result<(), HostRefused> {
    HostPolicy::default().listening_on("127.0.0.1:5373".parse().unwrap()).check(&head(&[("host", host)]))
}

#[test]
fn names_of_this_machine_are_accepted() {
    for name in [
        "127.0.0.1:5373",
        "127.1.2.3",
        "[::1]:5373",
        "localhost:5373",
        "LOCALHOST",
        "ecs.localhost",
        "localhost.",
        "[::ffff:127.0.0.1]",
    ] {
        assert_eq!(host(name), Ok(()), "{name}");
    }
}

#[test]
fn names_of_localstack_are_accepted() {
    for name in ["localhost.localstack.cloud:4566", "bucket.s3.localhost.localstack.cloud"] {
        assert_eq!(host(name), Ok(()), "{name}");
    }
}

#[test]
fn endpoint_names_of_aws_are_accepted() {
    for name in [
        "ecs.eu-west-1.amazonaws.com",
        "iam.amazonaws.com",
        "ecs.cn-north-1.amazonaws.com.cn",
        "ecs.us-east-1.api.aws",
        "b.s3.us-east-1.amazonaws.com",
        // "Virtual hosting of general purpose buckets", "Website endpoints" and "Using Amazon S3 Transfer Acceleration" of the S3 user guide, and
        // "Amazon S3 endpoints and quotas" of the General Reference.
        "b.s3-us-east-1.amazonaws.com",
        "b.s3-external-1.amazonaws.com",
        "b.s3-accelerate.amazonaws.com",
        "b.s3-accelerate.dualstack.amazonaws.com",
        "b.s3-website-us-west-2.amazonaws.com",
        "b.s3-website.eu-central-1.amazonaws.com",
        "point-111122223333.s3-accesspoint.us-west-2.amazonaws.com",
        "111122223333.s3-control.us-west-2.amazonaws.com",
    ] {
        assert_eq!(host(name), Ok(()), "{name}");
    }
}

#[test]
fn names_under_amazonaws_that_a_customer_points_somewhere_are_refused() {
    // Forms of the Elastic Load Balancing, EC2, RDS and PrivateLink user guides.
    for name in [
        "internal-evil-123456.eu-west-1.elb.amazonaws.com",
        "ec2-203-0-113-25.compute-1.amazonaws.com",
        "ec2-203-0-113-25.eu-west-1.compute.amazonaws.com",
        "ip-10-0-0-1.ec2.internal",
        "evil.abc123.eu-west-1.rds.amazonaws.com",
        "vpce-0a1b.ecs.eu-west-1.vpce.amazonaws.com",
        "evil.s3-anything.amazonaws.com",
    ] {
        assert!(matches!(host(name), Err(HostRefused::Host(_))), "{name}");
    }
}

#[test]
fn a_rebound_name_is_refused() {
    for name in [
        "evil.example",
        "evil.example:5373",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "notlocalhost",
        "evillocalhost.localstack.cloud",
        "",
    ] {
        assert!(matches!(host(name), Err(HostRefused::Host(_))), "{name}");
    }
}

#[test]
fn a_request_without_a_host_is_refused() {
    assert_eq!(HostPolicy::default().check(&head(&[])), Err(HostRefused::NoHost));
}

#[test]
fn both_hosts_of_an_absolute_form_request_are_checked() {
    let request = Request::post("http://evil.example/").header("host", "localhost").body(()).unwrap();
    assert!(HostPolicy::default().check(&request.into_parts().0).is_err());
}

#[test]
fn another_address_is_accepted_only_when_it_is_listened_on() {
    let head = head(&[("host", "192.168.1.5:5373")]);
    let listening = |address: &str| HostPolicy::default().listening_on(address.parse().unwrap()).check(&head);
    assert!(listening("127.0.0.1:5373").is_err());
    assert_eq!(listening("192.168.1.5:5373"), Ok(()));
    assert_eq!(listening("0.0.0.0:5373"), Ok(()));
    assert_eq!(listening("[::]:5373"), Ok(()));
}

#[test]
fn configured_hosts_are_accepted_by_name_or_by_suffix() {
    let policy = HostPolicy::new(vec!["kecs.internal".to_owned(), "*.corp.example".to_owned()], Vec::new());
    assert_eq!(policy.check(&head(&[("host", "KECS.internal:80")])), Ok(()));
    assert_eq!(policy.check(&head(&[("host", "a.corp.example")])), Ok(()));
    assert!(policy.check(&head(&[("host", "corp.example")])).is_err());
    assert!(policy.check(&head(&[("host", "evilcorp.example")])).is_err());
}

#[test]
fn a_page_of_another_origin_is_refused() {
    for origin in ["https://evil.example", "null", "http://localhost:3000", "http://localhost:5373.evil.example"] {
        let head = head(&[("host", "localhost:5373"), ("origin", origin)]);
        assert_eq!(HostPolicy::default().check(&head), Err(HostRefused::Origin(origin.to_owned())), "{origin}");
    }
}

#[test]
fn our_own_pages_and_configured_origins_are_accepted() {
    let policy = HostPolicy::new(Vec::new(), vec!["http://localhost:3000".to_owned()]);
    for origin in ["http://localhost:5373", "http://localhost:3000"] {
        assert_eq!(policy.check(&head(&[("host", "localhost:5373"), ("origin", origin)])), Ok(()), "{origin}");
    }
}

#[test]
fn a_cross_site_fetch_without_an_origin_is_refused() {
    let policy = HostPolicy::default();
    let with = |site: &str| policy.check(&head(&[("host", "localhost"), ("sec-fetch-site", site)]));
    assert_eq!(with("cross-site"), Err(HostRefused::CrossSite));
    assert_eq!(with("none"), Ok(()));
    assert_eq!(with("same-origin"), Ok(()));
}
