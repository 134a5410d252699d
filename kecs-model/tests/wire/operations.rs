//! Every operation and every member of every input, as the model has them.

use kecs_model::ErrorCode;
use kecs_model::ecs::Operation;
use serde_json::{Value, json};

use crate::{answer, model};

#[test]
fn the_table_has_the_operations_of_the_model_and_finds_them_by_name() {
    let model = model();
    let modelled: Vec<&str> = model["operations"].as_object().unwrap().keys().map(String::as_str).collect();
    let table: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert_eq!(table, modelled);
    for &operation in Operation::ALL {
        assert_eq!(Operation::from_name(operation.name()), Some(operation));
    }
    assert_eq!(Operation::from_name("createCluster"), None);
    assert_eq!(Operation::from_name(""), None);
}

#[test]
fn the_table_lists_the_errors_of_the_model() {
    let model = model();
    for operation in Operation::ALL {
        let modelled = model["operations"][operation.name()]["errors"].as_array().unwrap();
        let listed: Vec<&str> = operation.errors().iter().map(|code| code.as_str()).collect();
        assert_eq!(listed, modelled.iter().map(|code| code.as_str().unwrap()).collect::<Vec<_>>(), "{operation}");
    }
}

#[test]
fn the_table_knows_the_paginators() {
    let model = model();
    for operation in Operation::ALL {
        assert_eq!(operation.has_pagination(), model["pagination"].get(operation.name()).is_some(), "{operation}");
    }
}

#[tokio::test]
async fn an_operation_that_is_left_out_answers_a_modelled_client_error_that_names_it() {
    for &operation in Operation::ALL {
        let error = answer(operation, &json!({})).await;
        assert!(operation.errors().contains(&error.code()), "{operation}: {error}");
        assert_eq!(error.status(), 400, "{operation}: an SDK would try again");
        assert!(error.message().contains(operation.name()), "{operation}: {error}");
    }
}

/// Proves that each member is read, under its name in the model and as its type: a value of another type is refused, and
/// the refusal names it.
#[tokio::test]
async fn every_member_of_every_input_is_read_by_its_name() {
    let model = model();
    let mut members = 0;
    for &operation in Operation::ALL {
        let shape = model["operations"][operation.name()]["input"]["shape"].as_str().unwrap();
        for (path, input) in wrong_inputs(&model, shape) {
            members += 1;
            let error = answer(operation, &input).await;
            assert_eq!(error.code(), ErrorCode::SerializationException, "{operation}: {input}");
            assert!(error.message().contains(&format!(" {path} ")), "{operation}: {input}: {error}");
        }
    }
    assert!(members > 1000, "only {members}: the model was not walked");
}

/// For each value that can be in the shape, at any depth: its path, and the shape with a value of a wrong type there.
fn wrong_inputs(model: &Value, shape: &str) -> Vec<(String, Value)> {
    let definition = &model["shapes"][shape];
    if definition["document"] == true {
        return Vec::new();
    }
    let within = |target: &Value, step: String, wrap: &dyn Fn(Value) -> Value| {
        let target = target["shape"].as_str().unwrap();
        let inner = wrong_inputs(model, target).into_iter().map(|(path, wrong)| {
            let separator = if path.is_empty() || path.starts_with('[') { "" } else { "." };
            (format!("{step}{separator}{path}"), wrap(wrong))
        });
        inner.collect::<Vec<_>>()
    };
    let mut wrong = match definition["type"].as_str().unwrap() {
        "structure" => definition["members"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(name, member)| within(member, name.clone(), &|wrong| json!({ name: wrong })))
            .collect(),
        "list" => within(&definition["member"], "[0]".to_owned(), &|wrong| json!([wrong])),
        "map" => within(&definition["value"], "a key".to_owned(), &|wrong| json!({ "a key": wrong })),
        _ => Vec::new(),
    };
    let not_of_type = match definition["type"].as_str().unwrap() {
        "integer" | "long" | "double" | "boolean" => json!("a string"),
        "timestamp" => json!(true),
        "string" => json!({ "a": 1 }),
        _ => json!(7),
    };
    wrong.push((String::new(), not_of_type));
    let is_root = model["operations"].as_object().unwrap().values().any(|operation| operation["input"]["shape"] == shape);
    wrong.retain(|(path, _)| !is_root || !path.is_empty());
    wrong
}
