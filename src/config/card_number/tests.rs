//! docs/card-numbers.md against the code, and what the settings are refused for.

use crate::config::{Config, ConfigError, parse};
use access::card::render;
use access::uid::RawId;
use std::collections::BTreeSet;
use std::path::Path;

const DOCUMENT: &str = include_str!("../../../docs/card-numbers.md");

/// A configuration with these lines in `[pacs]`.
fn with(settings: &[&str]) -> Result<Config, ConfigError> {
    let head = "site = \"office\"\ngateway = \"panel-1\"\n[broker]\nhost = \"b\"\n[pacs]\nprofile = \"p\"\n\
        base_url = \"http://pacs\"\nentitlement_import_types = [\"A\"]\n";
    parse(Path::new("config.toml"), &format!("{head}{}\n", settings.join("\n")))
}

/// What stands between backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The rows of the document's table that begins with `heading`.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let table = DOCUMENT.split_once(heading).expect(heading).1;
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_vector_of_the_document_is_rendered_as_it_says() {
    let vectors = rows("| Settings | Identifier | Number |");
    assert!(vectors.len() >= 40, "{} rows", vectors.len());
    let mut seen = BTreeSet::new();
    for row in &vectors {
        let settings = code(row[0]);
        let config = with(&settings).unwrap_or_else(|error| panic!("{row:?}: {error}"));
        let format = config.pacs.expect("configured").card_number().expect("checked");
        let id = RawId::from_hex(code(row[1])[0]).expect(row[1]);
        let expected = (row[2] != "none").then(|| code(row[2])[0].to_owned());
        assert_eq!(render(format, &id).ok(), expected, "{row:?}");
        seen.insert(settings[0].split('"').nth(1).expect("a name"));
    }
    let named: BTreeSet<&str> =
        rows("| `card_number_format` | What is written |").iter().map(|row| code(row[0])[0]).collect();
    assert_eq!(seen, named, "each format has vectors");
    let unknown = with(&["card_number_format = \"octal\""]).expect_err("unknown").problem;
    let known: BTreeSet<&str> =
        code(unknown.split_once("expected").expect("serde lists them").1).into_iter().collect();
    assert_eq!(known, named, "each format is described");
}

#[test]
fn settings_that_do_not_go_together_are_refused_with_key_value_and_remedy() {
    let w26 = "card_number_format = \"wiegand26\"";
    let plain = "card_number_format = \"wiegand37_plain\"";
    let hex = "card_number_format = \"hex\"";
    let table: [(&[&str], &str, &str, &str); 11] = [
        (&["card_number_format = \"linear\""], "digits", "", "number of digits"),
        (&["card_number_format = \"linear\"", "card_number_digits = 40"], "digits", "40", "number of digits"),
        (&[w26, "card_number_digits = 9"], "digits", "9", "linear"),
        (&[w26, "card_number_facility = 256"], "facility", "256", "0 to 255"),
        (&[w26, "card_number_facility = 70000"], "facility", "70000", "0 to 255"),
        (&[plain, "card_number_facility = 1"], "facility", "1", "remove it"),
        (&[hex, "card_number_facility = 1"], "facility", "1", "wiegand"),
        (&[w26, "card_number_separator = \"--\""], "separator", "\"--\"", "- : , . /"),
        (&[plain, "card_number_separator = \"-\""], "separator", "\"-\"", "remove it"),
        (&[hex, "card_number_separator = \"-\""], "separator", "\"-\"", "wiegand"),
        (&[hex, "card_number_cut = true"], "cut", "true", "wiegand"),
    ];
    for (settings, key, value, remedy) in table {
        let error = with(settings).expect_err(remedy);
        assert_eq!(error.key, format!("pacs.card_number_{key}"), "{error}");
        assert_eq!(error.value.as_deref().unwrap_or_default(), value, "{error}");
        assert!(error.remedy.contains(remedy), "{error}");
    }
}

#[test]
fn the_price_of_a_cut_is_said() {
    let cut = with(&["card_number_format = \"wiegand26\"", "card_number_cut = true"]).expect("good");
    assert!(crate::config::warnings(&cut).iter().any(|warning| warning.contains("share a number")));
    assert!(crate::config::warnings(&with(&[]).expect("good")).is_empty());
}
