use std::collections::BTreeMap;

use kecs_model::Timestamp;
use proptest::prelude::*;

use super::{Expression, InstanceView, InvalidExpression, MAX_DEPTH, MAX_EXPRESSION_CHARS, fuzz};

#[derive(Default)]
struct Instance {
    connected: bool,
    version: Option<&'static str>,
    attributes: BTreeMap<&'static str, &'static str>,
    id: Option<&'static str>,
    registered_at: Option<i64>,
    tasks: Vec<&'static str>,
}

impl InstanceView for Instance {
    fn agent_connected(&self) -> bool {
        self.connected
    }
    fn agent_version(&self) -> Option<&str> {
        self.version
    }
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).copied()
    }
    fn ec2_instance_id(&self) -> Option<&str> {
        self.id
    }
    fn registered_at(&self) -> Option<Timestamp> {
        self.registered_at.map(Timestamp::from_millis)
    }
    fn running_tasks_count(&self) -> u64 {
        self.tasks.len() as u64
    }
    fn task_groups(&self) -> Vec<&str> {
        self.tasks.clone()
    }
}

/// A g2.2xlarge in us-east-1a that runs one task of the service `production`.
fn instance() -> Instance {
    Instance {
        connected: true,
        version: Some("1.14.5"),
        attributes: BTreeMap::from([
            ("ecs.instance-type", "g2.2xlarge"),
            ("ecs.availability-zone", "us-east-1a"),
            ("stack", "prod"),
            ("cores", "10"),
            ("gpu", ""),
        ]),
        id: Some("i-abcd1234"),
        // `date -u -d 2018-02-12T12:00:00Z +%s`
        registered_at: Some(1_518_436_800_000),
        tasks: vec!["service:production"],
    }
}

fn selects(expression: &str, instance: &Instance) -> bool {
    Expression::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")).matches(instance)
}

fn refused(expression: &str) -> InvalidExpression {
    Expression::parse(expression).expect_err(expression)
}

/// Each example of the developer guide's page on the cluster query language, with what it selects there.
#[test]
fn the_guides_examples_select_what_the_guide_says() {
    for (expression, expected) in [
        ("attribute:ecs.instance-type == t2.small", false),
        ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", true),
        ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", true),
        ("task:group == service:production", true),
        ("not(task:group == database)", true),
        ("runningTasksCount == 1", true),
        ("agentVersion < 1.14.5", false),
        ("registeredAt < 2018-02-13", true),
        ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", true),
    ] {
        assert_eq!(selects(expression, &instance()), expected, "{expression}");
    }
}

#[test]
fn each_operator_has_a_symbol_and_a_word() {
    for (symbol, word) in [
        ("attribute:stack == prod", "attribute:stack equals prod"),
        ("attribute:stack != test", "attribute:stack not_equals test"),
        ("runningTasksCount > 0", "runningTasksCount greater_than 0"),
        ("runningTasksCount >= 1", "runningTasksCount greater_than_equal 1"),
        ("runningTasksCount < 2", "runningTasksCount less_than 2"),
        ("runningTasksCount <= 1", "runningTasksCount less_than_equal 1"),
        ("attribute:stack exists", "attribute:stack exists"),
        ("attribute:nothing !exists", "attribute:nothing not_exists"),
        ("attribute:stack in [prod]", "attribute:stack in [prod]"),
        ("attribute:stack !in [test]", "attribute:stack not_in [test]"),
        ("attribute:stack =~ pr.d", "attribute:stack matches pr.d"),
        ("attribute:stack !~ te.t", "attribute:stack not_matches te.t"),
    ] {
        assert!(selects(symbol, &instance()), "{symbol}");
        assert!(selects(word, &instance()), "{word}");
        assert!(!selects(&format!("not({symbol})"), &instance()), "not({symbol})");
    }
}

#[test]
fn symbols_need_no_space() {
    for expression in
        ["attribute:stack==prod&&!(runningTasksCount>1)", "(attribute:stack==test)||attribute:cores>=10", "!task:group==x"]
    {
        assert!(selects(expression, &instance()), "{expression}");
    }
}

#[test]
fn not_binds_tighter_than_and_and_and_tighter_than_or() {
    let (yes, no) = ("attribute:stack == prod", "attribute:stack == test");
    assert!(selects(&format!("{yes} or {no} and {no}"), &instance()));
    assert!(!selects(&format!("({yes} or {no}) and {no}"), &instance()));
    assert!(!selects(&format!("not {yes} and {no}"), &instance()));
    assert!(selects(&format!("not ({yes} and {no})"), &instance()));
}

/// aws/containers-roadmap#486: `attribute:retiring != true` returned no instance that lacks the attribute.
#[test]
fn an_instance_without_the_attribute_is_selected_by_no_comparison_with_it() {
    for operator in ["== true", "!= true", "> 1", "< 1", "in [true]", "!in [true]", "=~ true", "!~ true", "exists"] {
        assert!(!selects(&format!("attribute:retiring {operator}"), &instance()), "{operator}");
    }
    assert!(selects("attribute:retiring !exists", &instance()));
    assert!(selects("not(attribute:retiring == true)", &instance()));
}

#[test]
fn an_attribute_without_a_value_exists() {
    assert!(selects("attribute:gpu exists", &instance()));
    assert!(!selects("attribute:gpu == yes", &instance()));
}

#[test]
fn a_negative_comparison_of_task_groups_is_about_every_task() {
    let both = Instance { tasks: vec!["database", "service:production"], ..instance() };
    assert!(selects("task:group == database", &both));
    assert!(!selects("task:group != database", &both));
    assert!(!selects("task:group !in [database]", &both));
    let empty = Instance { tasks: Vec::new(), ..instance() };
    assert!(selects("task:group != database", &empty));
    assert!(!selects("task:group == database", &empty));
}

#[test]
fn a_pattern_has_to_match_the_whole_value() {
    assert!(!selects("attribute:ecs.instance-type =~ g2", &instance()));
    assert!(!selects("attribute:ecs.instance-type =~ 2xlarge", &instance()));
    assert!(selects("attribute:ecs.instance-type =~ '(t2|g2)\\..*'", &instance()));
    assert!(selects("attribute:ecs.instance-type =~ [a-g]\\d.+", &instance()));
}

#[test]
fn versions_and_numbers_are_compared_as_such() {
    assert!(selects("agentVersion > 1.9", &instance()));
    assert!(selects("agentVersion == 1.14.5.0", &instance()));
    assert!(selects("attribute:cores > 9", &instance()));
    assert!(selects("attribute:stack > alpha", &instance()));
}

#[test]
fn agent_connected_is_true_or_false() {
    assert!(selects("agentConnected == true", &instance()));
    assert!(selects("agentConnected != true", &Instance::default()));
}

#[test]
fn quotes_hold_what_a_word_cannot() {
    let spaced = Instance { attributes: BTreeMap::from([("team", "red and 'blue' (both)")]), ..Instance::default() };
    assert!(selects("attribute:team == \"red and 'blue' (both)\"", &spaced));
}

/// The guide's list of valid operators for each subject.
#[test]
fn an_operator_that_a_subject_does_not_have_is_refused() {
    for expression in [
        "agentConnected > true",
        "agentVersion in [1.14.5]",
        "agentVersion =~ 1.*",
        "ec2InstanceId exists",
        "registeredAt in [2018-06-18]",
        "runningTasksCount =~ 1",
    ] {
        assert!(refused(expression).to_string().contains("is not an operator of"), "{expression}");
    }
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    for (expression, position) in [
        ("", 1),
        ("   ", 4),
        ("nonsense == 1", 1),
        ("attribute: == 1", 1),
        ("attribute:a", 12),
        ("attribute:a ~ b", 13),
        ("attribute:a ==", 15),
        ("attribute:a in b", 16),
        ("attribute:a in [b, c", 21),
        ("attribute:a in []", 17),
        ("attribute:a == 'b", 16),
        ("(attribute:a == b", 18),
        ("attribute:a == b)", 17),
        ("attribute:a == b attribute:c == d", 18),
        ("attribute:a == b and", 21),
        ("runningTasksCount == many", 22),
        ("registeredAt < yesterday", 16),
        ("agentVersion < latest", 16),
        ("attribute:a =~ [", 16),
        ("é", 1),
    ] {
        assert_eq!(refused(expression).position(), Some(position), "{expression}: {}", refused(expression));
    }
}

#[test]
fn patterns_that_cannot_be_matched_in_bounded_time_or_space_are_refused() {
    for pattern in ["'(a)\\1'", "'(?=a)a'", "'(?:(?:a{100}){100}){100}'"] {
        assert!(refused(&format!("attribute:a =~ {pattern}")).to_string().contains("bounded"), "{pattern}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    assert!(Expression::parse(&format!("attribute:a == {}", "b".repeat(MAX_EXPRESSION_CHARS - 15))).is_ok());
    refused(&format!("attribute:a == {}", "b".repeat(MAX_EXPRESSION_CHARS - 14)));
    let nested = |depth: usize| format!("{}attribute:a exists{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(MAX_DEPTH)).is_ok());
    refused(&nested(MAX_DEPTH + 1));
    refused(&"!".repeat(1000));
}

/// A tree, how it is written, and what it is worth of the instance above.
fn written() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop_oneof![
        Just(("attribute:stack == prod".to_owned(), true)),
        Just(("runningTasksCount >= 2".to_owned(), false)),
        Just(("task:group in [a, 'service:production']".to_owned(), true)),
        Just(("attribute:nothing !~ x.*".to_owned(), false)),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let and = prop_oneof![Just(" and "), Just("&&"), Just(" && ")];
        let or = prop_oneof![Just(" or "), Just("||"), Just(" || ")];
        let not = prop_oneof![Just("not"), Just("!"), Just("not ")];
        prop_oneof![
            (inner.clone(), and, inner.clone()).prop_map(|(l, and, r)| (format!("({}{and}{})", l.0, r.0), l.1 && r.1)),
            (inner.clone(), or, inner.clone()).prop_map(|(l, or, r)| (format!("({}{or}{})", l.0, r.0), l.1 || r.1)),
            (not, inner).prop_map(|(not, inner)| (format!("{not}({})", inner.0), !inner.1)),
        ]
    })
}

proptest! {
    #[test]
    fn any_tree_of_comparisons_is_worth_what_logic_says((expression, expected) in written()) {
        prop_assume!(expression.len() <= MAX_EXPRESSION_CHARS);
        prop_assert_eq!(selects(&expression, &instance()), expected, "{}", expression);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz(&bytes);
    }

    #[test]
    fn no_likely_text_makes_it_panic(parts in proptest::collection::vec(prop_oneof![
        Just("attribute:a"), Just("task:group"), Just("runningTasksCount"), Just("registeredAt"), Just("agentVersion"), Just("=="), Just("!="),
        Just("=~"), Just("!"), Just("not"), Just("("), Just(")"), Just("["), Just("]"), Just(","), Just("in"), Just("exists"), Just("'"),
        Just("\""), Just("and"), Just("||"), Just("2018-06-18"), Just("1.2"), Just("й"), Just("|"), Just("\\"), Just("*"), Just("{9}"),
    ], 0..40), space in "( |)") {
        fuzz(parts.join(space.as_str()).as_bytes());
    }
}
