use super::*;

fn refused(words: &[&str]) -> String {
    let words = std::iter::once("kecs").chain(words.iter().copied()).map(OsString::from);
    parse(words).unwrap_err().unwrap_err().to_string()
}

#[test]
fn the_command_is_well_formed() {
    command().debug_assert();
}

#[test]
fn a_mistyped_flag_is_answered_with_the_nearest_one() {
    assert_eq!(refused(&["start", "--lisen", "x"]), "unknown argument --lisen: did you mean --listen?");
}

#[test]
fn a_mistyped_command_is_answered_with_the_nearest_one() {
    assert_eq!(refused(&["versoin"]), "unknown command versoin: did you mean version?");
}

#[test]
fn no_command_is_one_line() {
    assert_eq!(refused(&[]), "no command was given: see `kecs --help` or `kecs start --help`");
}

#[test]
fn what_is_missing_and_what_can_be_written_is_said() {
    assert_eq!(refused(&["logs"]), "<TASK> is missing: see `kecs logs --help`");
    assert_eq!(refused(&["localstack", "enable"]), "--services <SERVICE> is missing: see `kecs localstack enable --help`");
    assert_eq!(refused(&["localstack"]), "no command was given: see `kecs localstack --help`");
    assert_eq!(
        refused(&["events", "--type", "foo"]),
        "invalid value 'foo' for '--type <TYPE>': write task or service or deployment or instance"
    );
    for services in ["", "s3,,sqs"] {
        let refused = refused(&["localstack", "enable", "--services", services]);
        assert!(refused.starts_with("a value is required for '--services <SERVICE>'"), "{refused}");
    }
}

#[test]
fn the_sidecar_alone_is_described_as_the_subcommand_is() {
    let all = command();
    let subcommand = all.find_subcommand("sidecar").unwrap();
    let alone = sidecar_command("kecs-sidecar");
    alone.clone().debug_assert();
    let described = |command: &Command| command.get_arguments().map(|arg| format!("{arg:?}")).collect::<Vec<_>>();
    assert_eq!(described(subcommand), described(&alone));
}

#[test]
fn what_the_sidecar_alone_does_not_know_is_said_with_its_own_help() {
    let words = ["kecs-sidecar", "start"].map(OsString::from);
    let refused = parse_sidecar(words).unwrap_err().unwrap_err().to_string();
    assert_eq!(refused, "unknown argument start: see `kecs-sidecar --help`");
}

#[test]
fn keys_are_not_a_flag() {
    assert!(refused(&["start", "--access-keys", "A:b"]).starts_with("unknown argument --access-keys"));
}
