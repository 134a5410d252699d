//! `docs/kubernetes.md` speaks of every field of the model, once.

use std::collections::BTreeMap;

use kecs_model::ecs::{ContainerDefinition, TaskDefinition};

const PAGE: &str = include_str!("../../docs/kubernetes.md");

/// The names of a structure's members, from how it prints itself.
fn members(printed: &str) -> Vec<String> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    lines.filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| camel_case(name)).collect()
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// The fields in the first column of a section's table, and what is said of them.
fn rows(title: &str) -> BTreeMap<String, String> {
    let section = PAGE.split("\n## ").find(|section| section.starts_with(title)).expect("the page has such a section");
    let section = section.split("\n### ").next().unwrap_or_default();
    let mut rows = BTreeMap::new();
    for row in section.lines().filter(|line| line.starts_with("| `")) {
        let mut columns = row.trim_matches('|').split(" | ");
        let (fields, verdict) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        for field in fields.split('`').skip(1).step_by(2) {
            assert_eq!(rows.insert(field.to_owned(), verdict.trim().to_owned()), None, "{field} has two rows");
        }
    }
    rows
}

fn check(title: &str, members: &[String], count: usize) {
    assert_eq!(members.len(), count, "the model has changed");
    let rows = rows(title);
    let missing: Vec<_> = members.iter().filter(|member| !rows.contains_key(*member)).collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
    let unknown: Vec<_> = rows.keys().filter(|field| !members.contains(field)).collect();
    assert!(unknown.is_empty(), "not in the model: {unknown:?}");
    let verdicts = ["honoured", "ignored", "refused"];
    assert!(rows.values().all(|verdict| verdicts.contains(&verdict.as_str())), "{rows:?}");
}

#[test]
fn every_field_of_a_container_definition_has_a_row() {
    check("Container\n", &members(&format!("{:#?}", ContainerDefinition::default())), 42);
}

#[test]
fn every_field_of_a_task_definition_has_a_row() {
    check("Task definition\n", &members(&format!("{:#?}", TaskDefinition::default())), 27);
}
