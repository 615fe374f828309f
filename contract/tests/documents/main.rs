//! The documents for integrators, held against the types: schemas, AsyncAPI, the text's examples.

mod asyncapi;
mod examples;
mod guide;
mod schemas;

use serde_json::Value;
use std::path::PathBuf;

/// A file under docs/, from the root of the repository.
fn docs(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(docs(path)).unwrap_or_else(|error| panic!("docs/{path}: {error}"))
}

/// Why `value` breaks the schema of that name; empty if it does not.
fn complaints(schema: &str, value: &Value) -> Vec<String> {
    let text = read(&format!("contract/schemas/{schema}.json"));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::draft7::new(&schema).expect("a schema of draft 7");
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
