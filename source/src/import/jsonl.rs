//! changes.jsonl: one `{"op":"upsert","kind":…,"key":…,"record":{…}}` or `{"op":"delete","kind":…,"key":…}`
//! a line. Empty lines are passed over. A key may come twice: the later line follows the earlier.

use super::Problems;
use crate::change::{Change, Check};
use contract::changes::Op;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    op: Op,
    kind: String,
    key: String,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
}

/// Reads `text`; what is wrong goes to `problems`.
pub fn read(text: &str, check: Check, problems: &mut Problems) -> Vec<Change> {
    let mut changes = Vec::new();
    for (at, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let parsed: Line<'_> = match serde_json::from_str(line) {
            Ok(parsed) => parsed,
            Err(error) => {
                let words = error.to_string();
                let reason = words.rfind(" at line ").map_or(words.as_str(), |end| &words[..end]);
                problems.add(at, format_args!("character {}", error.column()), reason);
                continue;
            }
        };
        match change(&parsed, check) {
            Ok(change) => changes.push(change),
            Err(reason) => {
                problems.add(at, format_args!("{} {}", parsed.kind, parsed.key), reason);
            }
        }
    }
    changes
}

fn change(line: &Line<'_>, check: Check) -> Result<Change, String> {
    match (line.op, line.record) {
        (Op::Upsert, Some(record)) => Change::upsert(&line.kind, &line.key, record.get(), check),
        (Op::Delete, None) => Change::delete(&line.kind, &line.key, check),
        (Op::Upsert, None) => Err("an upsert needs a record".into()),
        (Op::Delete, Some(_)) => Err("a delete has no record".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Problems, read};
    use crate::change::Check;

    #[test]
    fn every_bad_line_has_its_place_and_reason() {
        let table = [
            (r#"{"op":"upsert","kind":"user""#, "character 28", "EOF"),
            (r#"{"op":"put","kind":"user","key":"u"}"#, "character 11", "unknown variant `put`"),
            (r#"{"op":"delete","kind":"user","key":"u","x":1}"#, "character 42", "unknown field `x`"),
            (r#"{"op":"upsert","kind":"user","key":"u"}"#, "user u", "needs a record"),
            (r#"{"op":"delete","kind":"user","key":"u","record":{}}"#, "user u", "has no record"),
            (
                r#"{"op":"upsert","kind":"door","key":"d","record":{"grants":[]}}"#,
                "door d",
                "missing field `name`",
            ),
        ];
        for (line, column, reason) in table {
            let mut problems = Problems::default();
            assert!(read(&format!("\n{line}\n"), Check::Full, &mut problems).is_empty(), "{line}");
            let problem = &problems.first[0];
            assert_eq!((problem.line, problem.column.as_str()), (2, column), "{line}");
            assert!(problem.reason.contains(reason), "{line}: {}", problem.reason);
        }
    }
}
