use super::*;

fn layer(text: &str) -> Layer {
    Layer::of_yaml(text, Path::new("conf/kecs-config.yaml")).unwrap()
}

fn error(text: &str) -> String {
    let failure = Layer::of_yaml(text, Path::new("kecs-config.yaml")).unwrap_err();
    assert_eq!(failure.exit(), Exit::Config);
    failure.to_string()
}

#[test]
fn scalars_lists_and_switches_are_read() {
    let layer = layer("# a comment\nlisten: 127.0.0.1:0\ninsecure: true\nallowed-hosts: [a.example, b.example]\n");
    assert_eq!(layer.values["listen"].values, ["127.0.0.1:0"]);
    assert_eq!(layer.values["insecure"].values, ["true"]);
    assert_eq!(layer.values["allowed-hosts"].values, ["a.example", "b.example"]);
    assert_eq!(layer.values["insecure"].origin.to_string(), "conf/kecs-config.yaml:3:1: insecure");
}

#[test]
fn an_empty_file_says_nothing() {
    assert!(layer("").values.is_empty());
    assert!(layer("# listen: 1\n").values.is_empty());
}

#[test]
fn a_quoted_account_keeps_its_zeros() {
    assert_eq!(layer("account: \"000000000001\"\n").values["account"].values, ["000000000001"]);
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_one() {
    assert_eq!(
        error("listen: 127.0.0.1:0\ndata_dirr: /x\n"),
        "kecs-config.yaml:2:1: unknown key 'data_dirr', did you mean 'data-dir'?"
    );
    assert!(error("zzz: 1\n").starts_with("kecs-config.yaml:1:1: unknown key 'zzz', the keys are listen, data-dir"));
}

#[test]
fn broken_yaml_is_refused_with_line_and_column() {
    let error = error("listen: [127.0.0.1:0\nregion: us-east-1\n");
    assert!(error.starts_with("kecs-config.yaml:2:"), "{error}");
    assert!(error.contains("not valid YAML"), "{error}");
}

#[test]
fn a_value_of_the_wrong_form_is_refused() {
    assert_eq!(error("listen: {host: a}\n"), "kecs-config.yaml:1:1: listen takes one value: HOST:PORT");
    assert_eq!(error("access-keys:\n  - id: A\n"), "kecs-config.yaml:1:1: access-keys takes a list: ID:SECRET[:ACCOUNT]");
}

#[test]
fn no_error_shows_a_secret() {
    for text in ["access-keys: [\"A:wJalrXUtnFEMI\n", "access-keys: {A: wJalrXUtnFEMI}\n", "access-keys: [A:wJalrXUtnFEMI]\nb: [\n"]
    {
        let error = error(text);
        assert!(!error.contains("wJalr"), "{error}");
    }
}

#[test]
fn clusters_have_a_structure_of_their_own() {
    let text = "clusters:\n  - name: default\n    localstack:\n      version: \"4.14.0\"\n      services: [s3, ssm]\n      customConfig: {DEBUG: \"1\"}\n      \
                seed:\n        buckets: [{name: b, objects: [{key: k, file: k.env}]}]\n  - name: other\nregion: eu-west-1\n";
    let layer = layer(text);
    assert_eq!(layer.values["region"].values, ["eu-west-1"]);
    let [first, second] = layer.clusters.as_slice() else { panic!("{:?}", layer.clusters) };
    let localstack = first.localstack.as_ref().unwrap();
    assert_eq!((first.name.as_str(), localstack.services.as_slice()), ("default", ["s3".to_owned(), "ssm".to_owned()].as_slice()));
    assert_eq!(localstack.custom_config["DEBUG"], "1");
    // What is relative is relative to the file.
    assert_eq!(localstack.seed.buckets[0].objects[0].file.as_deref(), Some(Path::new("conf/k.env")));
    assert_eq!((second.name.as_str(), second.localstack.is_none()), ("other", true));
}

#[test]
fn clusters_with_the_same_name_or_port_are_refused() {
    let text = "clusters:\n- {name: a}\n- {name: b}\n- {name: a}\n";
    assert_eq!(error(text), "kecs-config.yaml:1:1: cluster a is there twice: leave one out");
    let with_ports = |second: &str| {
        format!("clusters:\n- {{name: default, localstack: {{port: 4570}}}}\n- {{name: b, localstack: {{port: 4570, {second}}}}}\n")
    };
    assert_eq!(
        error(&with_ports("enabled: true")),
        "kecs-config.yaml:1:1: clusters default and b both have port 4570: leave it out for a free one"
    );
    assert_eq!(layer(&with_ports("enabled: false")).clusters.len(), 2, "one that is not there has no port");
}

#[test]
fn what_the_parser_says_to_programmers_is_said_to_users() {
    for (text, said) in [
        ("region: a\nregion: b\n", "kecs-config.yaml:2:1: key region is there twice"),
        ("clusters: a\n", "kecs-config.yaml:1:11: a list is expected here"),
        ("clusters: [a]\n", "kecs-config.yaml:1:12: `key: value` is expected here"),
        (
            "clusters: [{name: a, localstack: {port: 70000}}]\n",
            "kecs-config.yaml:1:41: a whole number from 0 to 65535 is expected here",
        ),
        ("clusters: [{name: a, localstack: {enabled: yes}}]\n", "kecs-config.yaml:1:44: true or false is expected here"),
    ] {
        assert_eq!(error(text), said);
    }
}

#[test]
fn a_key_of_a_cluster_that_is_not_known_is_refused_with_its_place() {
    let error = error("clusters:\n  - name: a\n    localstack:\n      servces: [s3]\n");
    assert!(error.starts_with("kecs-config.yaml:4:") && error.contains("servces"), "{error}");
    assert!(!error.contains("not valid YAML"), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_is_refused_with_its_line_and_one_hint() {
    for (text, said) in [
        ("localstack: http://\n", "kecs-config.yaml:1:1: localstack: 'http://' is not a URL; write it like http://127.0.0.1:4566"),
        (
            "localstack: http://127.0.0.1:4566/path\n",
            "kecs-config.yaml:1:1: localstack: 'http://127.0.0.1:4566/path' has more than a host and a port; write it like http://127.0.0.1:4566",
        ),
        (
            "region: eu-west-1\nlog: warning\n",
            "kecs-config.yaml:2:1: log: 'warning' is not a filter (warning is no level): write info, or kecs_core=debug,warn",
        ),
    ] {
        let file = Layer::of_yaml(text, Path::new("kecs-config.yaml")).unwrap();
        let failure = crate::settings::Settings::resolve(&[file]).unwrap_err();
        assert_eq!((failure.exit(), failure.to_string()), (Exit::Config, said.to_owned()));
    }
}
