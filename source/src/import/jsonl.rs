//! changes.jsonl: one `{"op":"upsert","kind":…,"key":…,"record":{…}}` or `{"op":"delete","kind":…,"key":…}`
//! a line, with `"site":…` if it is for that site only. Empty lines are passed over. A key may come twice: the
//! later line follows the earlier.

use super::Lines;
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
    #[serde(default)]
    site: Option<String>,
    #[serde(borrow, default)]
    record: Option<&'a RawValue>,
}

/// Reads `text`; what is wrong goes to the problems of `lines`.
pub(super) fn read(text: &str, check: Check, lines: &mut Lines<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut byte = 0;
    let Lines { sites, problems, at: watch } = lines;
    for (at, line) in (1..).zip(text.split_inclusive('\n')) {
        byte += u64::try_from(line.len()).unwrap_or(0);
        watch(byte);
        let line = line.trim_end_matches(['\r', '\n']);
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
        match sites.takes(at, parsed.site.as_deref()) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(rule) => {
                problems.add(at, "site", rule);
                continue;
            }
        }
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
    use super::{Lines, read};
    use crate::change::Check;
    use crate::import::Problems;
    use crate::import::sites::Sites;
    use contract::id::SiteId;

    fn lines<'a>(site: Option<&'a SiteId>, at: &'a mut dyn FnMut(u64)) -> Lines<'a> {
        Lines { sites: Sites::new(site), problems: Problems::default(), at }
    }

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
            (r#"{"op":"delete","kind":"user","key":"u","site":"A B"}"#, "site", "1 to 32 of the characters"),
        ];
        for (line, column, reason) in table {
            let mut ignore = |_| {};
            let mut lines = lines(None, &mut ignore);
            assert!(read(&format!("\n{line}\n"), Check::Full, &mut lines).is_empty(), "{line}");
            let problem = &lines.problems.first[0];
            assert_eq!((problem.line, problem.column.as_str()), (2, column), "{line}");
            assert!(problem.reason.contains(reason), "{line}: {}", problem.reason);
        }
    }

    #[test]
    fn lines_for_another_site_are_counted_and_not_checked() {
        let text = concat!(
            r#"{"op":"delete","kind":"user","key":"a","site":"office"}"#,
            "\r\n",
            r#"{"op":"upsert","kind":"user","key":"b","site":"plant","record":{"of":"another's kind"}}"#,
            "\n",
            r#"{"op":"delete","kind":"user","key":"c"}"#,
        );
        let site = SiteId::new("office").expect("an id");
        let mut reached = 0;
        let mut watch = |byte| reached = byte;
        let mut lines = lines(Some(&site), &mut watch);
        let changes = read(text, Check::Full, &mut lines);
        assert_eq!((lines.sites.left_out, lines.problems), (1, Problems::default()));
        let keys: Vec<&str> = changes.iter().map(crate::change::Change::key).collect();
        assert_eq!(keys, ["a", "c"]);
        assert_eq!(reached, u64::try_from(text.len()).expect("small"));
    }
}
