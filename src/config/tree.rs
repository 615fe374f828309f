//! From text to a tree of TOML.
//!
//! `toml` reads the text; what it then has as words is read here, because no key takes a number with a fraction: the
//! tables by which Rust reads those are 10 KB that no packing makes smaller, and a panel's binary goes without them.
//!
//! Not here: what a key may hold (`form`), and how a complaint is put (`load`).

use super::form::Misfit;
use std::ops::Range;
use toml::de::{DeString, DeTable, DeValue};
use toml::{Spanned, Table, Value};

/// The text is no tree of the kind that is wanted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {misfit}")]
pub struct NoTree {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there; with its key, where the text is TOML.
    pub misfit: Misfit,
}

impl NoTree {
    fn at(text: &str, span: Option<Range<usize>>, problem: impl Into<String>) -> NoTree {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
        NoTree { line: before.matches('\n').count() + 1, misfit: Misfit::new(problem) }
    }

    fn within(self, part: &str) -> NoTree {
        NoTree { misfit: self.misfit.within(part), ..self }
    }
}

/// Reads `text`.
///
/// # Errors
/// The first place that is no TOML, or has a number that is not whole or too large.
pub fn read_tree(text: &str) -> Result<Table, NoTree> {
    let syntax =
        |error: toml::de::Error| NoTree::at(text, error.span(), error.message().trim().replace('\n', ", "));
    branches(text, DeTable::parse(text).map_err(syntax)?.into_inner())
}

fn branches(text: &str, table: DeTable<'_>) -> Result<Table, NoTree> {
    let member = |(key, value): (Spanned<DeString<'_>>, _)| {
        let key = key.into_inner().into_owned();
        let value = branch(text, value).map_err(|no_tree| no_tree.within(&key))?;
        Ok((key, value))
    };
    table.into_iter().map(member).collect()
}

fn branch(text: &str, value: Spanned<DeValue<'_>>) -> Result<Value, NoTree> {
    let span = value.span();
    Ok(match value.into_inner() {
        DeValue::String(words) => Value::String(words.into_owned()),
        // What is wrong is not repeated: it may be a secret without quotes.
        DeValue::Integer(number) => Value::Integer(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| NoTree::at(text, Some(span), "is too large a number"))?,
        ),
        DeValue::Float(_) => return Err(NoTree::at(text, Some(span), "is no whole number")),
        DeValue::Boolean(yes) => Value::Boolean(yes),
        DeValue::Datetime(at) => Value::Datetime(at),
        DeValue::Array(list) => {
            let item = |(at, one)| branch(text, one).map_err(|no_tree| no_tree.within(&format!("[{at}]")));
            Value::Array(list.into_iter().enumerate().map(item).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Table(branches(text, table)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_as_toml_itself_reads_it() {
        for text in [
            "",
            "a = 'x'\n\"b c\" = \"\\u00e9\"\nn = -1_000\nx = 0xFF\no = 0o17\nb = 0b11\nyes = true\nat = 2026-11-23",
            "a.b.c = 1\na.b.d = [1, [2], {e = 'f'}]\n[[list]]\none = 1\n[[list]]\n[list.two]\nthree = 3",
            "n = 9223372036854775807\nm = -9223372036854775808",
        ] {
            assert_eq!(read_tree(text), Ok(toml::from_str(text).expect("TOML")), "{text}");
        }
    }

    #[test]
    fn a_complaint_names_its_line() {
        for (text, line, problem) in [
            ("a = 1\nb = ", 2, "string values must be quoted"),
            ("a = 1\na = 2", 2, "duplicate key"),
            ("\n\na.b = 1.5", 3, "a.b: is no whole number"),
            ("a = [1,\n{ b = inf }]", 2, "a[1].b: is no whole number"),
            ("a = 9223372036854775808", 1, "a: is too large a number"),
        ] {
            let found = read_tree(text).expect_err(text);
            assert_eq!(found.line, line, "{text}: {found}");
            assert!(found.misfit.to_string().contains(problem), "{text}: {found}");
        }
    }
}
