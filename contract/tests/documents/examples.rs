//! The examples of docs/contract.md: fenced blocks marked `json` and the name of a schema.

use crate::read;
use serde_json::Value;

/// One example.
pub(crate) struct Example {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// A message's topic or a record's kind.
    pub(crate) schema: String,
    /// As written.
    pub(crate) text: String,
}

impl Example {
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("contract.md:{}: {error}", self.line))
    }
}

/// All of them, in order.
pub(crate) fn all() -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut open = false;
    for (line, text) in (1..).zip(read("contract.md").lines()) {
        if open && text == "```" {
            open = false;
        } else if open {
            let example = found.last_mut().expect("an open example");
            example.text.push_str(text);
            example.text.push('\n');
        } else if let Some(schema) = text.strip_prefix("```json") {
            found.push(Example { line, schema: schema.trim().into(), text: String::new() });
            open = true;
        } else {
            assert!(!text.starts_with("```"), "contract.md:{line}: a block that no test reads");
        }
    }
    assert!(!open, "the last block does not end");
    found
}
