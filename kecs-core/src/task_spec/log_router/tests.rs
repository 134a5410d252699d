//! The expected texts are those of the ECS agent's own tests (aws/amazon-ecs-agent, agent/taskresource/firelens/firelensconfig_unix_test.go), of which
//! only blanks may differ.

use super::*;

const ARN: &str = "arn:aws:ecs:us-east-2:01234567891011:task/mycluster/3de392df-6bfa-470b-97ed-aa6f482cd7a";

fn router(kind: RouterKind, options: &[(&str, &str)], include: RouterInclude) -> LogRouter {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    LogRouter {
        kind,
        fields: map(&[
            ("ec2_instance_id", "i-123456789a"),
            ("ecs_cluster", "mycluster"),
            ("ecs_task_arn", ARN),
            ("ecs_task_definition", "taskdefinition:1"),
        ]),
        routes: vec![Route { container: "container".to_owned(), options: map(options) }],
        include: Some(include),
    }
}

const OPTIONS: [(&str, &str); 4] = [
    ("region", "us-west-2"),
    ("deliver_stream_name", "my-stream"),
    ("include-pattern", "*failure*"),
    ("exclude-pattern", "*success*"),
];

fn inputs(address: &str, health_check: Option<u16>) -> RouterInputs {
    RouterInputs { socket: Some("/var/run/fluent.sock".to_owned()), tcp: Some((address.to_owned(), FLUENT_PORT)), health_check }
}

/// The lines of the main file, each with single blanks, and without empty ones.
fn lines(router: &LogRouter, inputs: &RouterInputs) -> Vec<String> {
    let (_, content) = router.files(inputs).remove(0);
    words(std::str::from_utf8(&content).unwrap())
}

fn words(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect()
}

const FLUENT_BIT: &str = "
[INPUT]
    Name forward
    unix_path /var/run/fluent.sock
[INPUT]
    Name forward
    Listen 0.0.0.0
    Port 24224
[INPUT]
    Name tcp
    Tag firelens-healthcheck
    Listen 127.0.0.1
    Port 8877
[FILTER]
    Name grep
    Match container-firelens*
    Regex log *failure*
[FILTER]
    Name grep
    Match container-firelens*
    Exclude log *success*
[FILTER]
    Name record_modifier
    Match *
    Record ec2_instance_id i-123456789a
    Record ecs_cluster mycluster
    Record ecs_task_arn arn:aws:ecs:us-east-2:01234567891011:task/mycluster/3de392df-6bfa-470b-97ed-aa6f482cd7a
    Record ecs_task_definition taskdefinition:1
@INCLUDE /fluent-bit/etc/external.conf
[OUTPUT]
    Name null
    Match firelens-healthcheck
";

const FLUENT_BIT_OUTPUT: &str = "
[OUTPUT]
    Name kinesis_firehose
    Match container-firelens*
    deliver_stream_name my-stream
    region us-west-2
";

// TestGenerateFluentbitConfig.
#[test]
fn fluent_bit_is_told_what_the_ecs_agent_tells_it() {
    let options = [&[("Name", "kinesis_firehose")], &OPTIONS[..]].concat();
    let router = router(RouterKind::FluentBit, &options, RouterInclude::Content("[SERVICE]".into()));
    let inputs = inputs("0.0.0.0", Some(8877));
    assert_eq!(lines(&router, &inputs), words(&format!("{FLUENT_BIT}{FLUENT_BIT_OUTPUT}")));
    let files = router.files(&inputs);
    assert_eq!(files[0].0, "/fluent-bit/etc/fluent-bit.conf");
    assert_eq!(files[1], ("/fluent-bit/etc/external.conf".to_owned(), "[SERVICE]".into()));
}

// TestGenerateConfigWithoutOutputSection.
#[test]
fn a_container_without_a_plug_in_has_no_output() {
    let router = router(RouterKind::FluentBit, &OPTIONS[2..], RouterInclude::Content("[SERVICE]".into()));
    assert_eq!(lines(&router, &inputs("0.0.0.0", Some(8877))), words(FLUENT_BIT));
}

const FLUENTD_INPUTS: &str = "
<source>
    @type unix
    path /var/run/fluent.sock
</source>
<source>
    @type forward
    bind 127.0.0.1
    port 24224
</source>
";

const FLUENTD_PATTERNS: &str = "
<filter container-firelens**>
    @type grep
    <regexp>
        key log
        pattern *failure*
    </regexp>
</filter>
<filter container-firelens**>
    @type grep
    <exclude>
        key log
        pattern *success*
    </exclude>
</filter>
";

const FLUENTD_FIELDS: &str = "
<filter **>
    @type record_transformer
    <record>
        ec2_instance_id i-123456789a
        ecs_cluster mycluster
        ecs_task_arn arn:aws:ecs:us-east-2:01234567891011:task/mycluster/3de392df-6bfa-470b-97ed-aa6f482cd7a
        ecs_task_definition taskdefinition:1
    </record>
</filter>
";

const FLUENTD_OUTPUT: &str = "
@include /tmp/dummy.conf
<match container-firelens**>
    @type kinesis_firehose
    deliver_stream_name my-stream
    region us-west-2
</match>
";

// TestGenerateFluentdAWSVPCModeConfig, TestGenerateConfigWithECSMetadataDisabled.
#[test]
fn fluentd_is_told_what_the_ecs_agent_tells_it() {
    let options = [&[("@type", "kinesis_firehose")], &OPTIONS[..]].concat();
    let mut router = router(RouterKind::Fluentd, &options, RouterInclude::File("/tmp/dummy.conf".to_owned()));
    // Fluentd has no such input.
    let inputs = inputs("127.0.0.1", None);
    let all = [FLUENTD_INPUTS, FLUENTD_PATTERNS, FLUENTD_FIELDS, FLUENTD_OUTPUT].concat();
    assert_eq!(lines(&router, &inputs), words(&all));
    let files = router.files(&inputs);
    assert_eq!((files.len(), files[0].0.as_str()), (1, "/fluentd/etc/fluent.conf"));

    router.fields.clear();
    assert_eq!(lines(&router, &inputs), words(&[FLUENTD_INPUTS, FLUENTD_PATTERNS, FLUENTD_OUTPUT].concat()));
}

// firelensConfigVarPlaceholderFmtFluentd and …Fluentbit of the agent's api/task package.
#[test]
fn a_secret_option_is_a_variable_of_the_router() {
    assert_eq!(RouterKind::FluentBit.reference("apikey_0"), "${apikey_0}");
    assert_eq!(RouterKind::Fluentd.reference("apikey_0"), "\"#{ENV['apikey_0']}\"");
}

#[test]
fn options_are_not_printed() {
    let router =
        router(RouterKind::FluentBit, &[("Name", "datadog"), ("apikey", "hunter2")], RouterInclude::Content("hunter2".into()));
    assert!(!format!("{router:?}").contains("hunter2"));
}
