//! docs/asyncapi.yaml: it reads, its references lead somewhere, its topics are the crate's and its examples
//! those of the text.

use crate::{complaints, docs, examples, read};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use yaml_rust2::{Yaml, YamlLoader};

/// YAML as JSON; what JSON has not is not for this file.
fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(flag) => Value::Bool(*flag),
        Yaml::Array(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Hash(members) => {
            let name = |yaml: &Yaml| yaml.as_str().expect("a member's name is text").to_string();
            Value::Object(members.iter().map(|(key, value)| (name(key), json(value))).collect())
        }
        Yaml::Real(_) | Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => panic!("{yaml:?} in asyncapi.yaml"),
    }
}

fn document() -> Value {
    let documents = YamlLoader::load_from_str(&read("asyncapi.yaml")).expect("YAML");
    assert_eq!(documents.len(), 1);
    json(&documents[0])
}

fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

/// Every `$ref` in `value`.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("$ref", Value::String(target)) => found.push(target.clone()),
                    _ => references(member, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    let mut files = BTreeSet::new();
    for target in &found {
        if let Some(pointer) = target.strip_prefix('#') {
            assert!(document.pointer(pointer).is_some(), "{target}");
        } else {
            assert!(docs(target).is_file(), "{target}");
            files.insert(target.as_str());
        }
    }
    assert_eq!(files.len(), 8, "{files:?}");
}

#[test]
fn channels_are_the_topics_and_carry_their_message_as_the_contract_says() {
    let document = document();
    let table = read("contract.md");
    for (name, channel) in members(&document["channels"]) {
        let address = channel["address"].as_str().expect("an address");
        let topic = address.strip_prefix("doorward/v1/{site}/").expect("under the site");
        let row = format!("| `{}` |", topic.replace("{gateway}", "{id}"));
        let row = table.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
        let parameters: Vec<_> = members(&channel["parameters"]).keys().collect();
        let named = if topic.contains("{gateway}") { vec!["gateway", "site"] } else { vec!["site"] };
        assert_eq!(parameters, named, "{name}");
        let messages: Vec<_> = members(&channel["messages"]).keys().collect();
        assert_eq!(messages, [name]);

        let at = format!("#/channels/{name}");
        let operations = members(&document["operations"]).values();
        let operations: Vec<_> = operations.filter(|operation| operation["channel"]["$ref"] == *at).collect();
        let sends = operations.iter().any(|operation| operation["action"] == "send");
        assert_eq!(sends, row.contains("| source →"), "{name}");
        assert!(!operations.is_empty(), "{name} is never used");
        for operation in operations {
            assert_eq!(operation["bindings"]["mqtt"]["qos"], 1, "{name}");
            assert_eq!(operation["bindings"]["mqtt"]["retain"], row.contains("| yes |"), "{name}");
        }
    }
    assert_eq!(members(&document["channels"]).len(), 8);
}

#[test]
fn every_message_has_the_examples_of_the_text() {
    let document = document();
    let text = examples::all();
    for (name, message) in members(&document["components"]["messages"]) {
        let schema = message["payload"]["schema"]["$ref"].as_str();
        assert_eq!(schema, Some(format!("./contract/schemas/{name}.json").as_str()));
        let given = message["examples"].as_array().expect("examples");
        let given: Vec<Value> = given.iter().map(|example| example["payload"].clone()).collect();
        for payload in &given {
            assert_eq!(complaints(name, payload), [""; 0], "{payload}");
        }
        let told: Vec<Value> =
            text.iter().filter(|example| example.schema == *name).map(examples::Example::value).collect();
        assert_eq!(given, told, "{name}");
    }
    assert_eq!(members(&document["components"]["messages"]).len(), 8);
}
