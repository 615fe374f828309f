//! YAML as JSON. Pure.

use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// The one document in `text`.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => json(document),
        _ => Err(format!("{} documents, one is expected", documents.len())),
    }
}

fn json(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Real(number) => {
            Value::from(number.parse::<f64>().map_err(|error| format!("{number}: {error}"))?)
        }
        Yaml::Boolean(truth) => Value::Bool(*truth),
        Yaml::Array(items) => items.iter().map(json).collect::<Result<_, _>>()?,
        Yaml::Hash(members) => {
            let member = |(key, value): (&Yaml, &Yaml)| Ok((name(key)?, json(value)?));
            Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, String>>()?)
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err("an alias, or a value that cannot be read".to_owned()),
    })
}

/// Statuses are written as numbers.
fn name(key: &Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Integer(number) => Ok(number.to_string()),
        other => Err(format!("{other:?} is no name of a member")),
    }
}
