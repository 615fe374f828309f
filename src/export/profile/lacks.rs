//! Values of a profile that are yet to be filled in: they hold the words FILL IN, or FILL_IN where no space fits.
//!
//! Not here: what follows from them (`service`).

/// What stands where a value is missing. The last one is for names of headers.
const MARKS: [&str; 3] = ["FILL IN", "FILL_IN", "FILL-IN"];

/// The dotted keys of what is yet to be filled in, in order. `unused` keys, with all below them, do not count.
pub(super) fn lacks(tree: &toml::Table, unused: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    in_table(tree, "", unused, &mut found);
    found.sort();
    found.dedup();
    found
}

fn in_table(table: &toml::Table, below: &str, unused: &[String], found: &mut Vec<String>) {
    for (name, value) in table {
        let key = if below.is_empty() { name.clone() } else { format!("{below}.{name}") };
        if !unused.contains(&key) {
            in_value(value, &key, unused, found);
        }
        // The name of a member can be what is missing, too.
        if is_mark(name) {
            found.push(key);
        }
    }
}

fn in_value(value: &toml::Value, key: &str, unused: &[String], found: &mut Vec<String>) {
    match value {
        toml::Value::String(text) if is_mark(text) => found.push(key.to_owned()),
        toml::Value::Table(table) => in_table(table, key, unused, found),
        toml::Value::Array(list) => {
            list.iter().for_each(|one| in_value(one, key, unused, found));
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

fn is_mark(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}
