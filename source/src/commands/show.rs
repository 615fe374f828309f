//! `show`: the records, without PINs unless they are asked for.

use anyhow::{Result, bail};
use doorward_source::store::{Row, Store};
use serde_json::{Value, json};

/// Shows all records or those named.
pub(crate) fn show(
    store: &Store,
    kind: Option<&str>,
    key: Option<&str>,
    as_json: bool,
    secrets: bool,
) -> Result<()> {
    let rows = store.rows(kind, key)?;
    if let (true, Some(key)) = (rows.is_empty(), key) {
        bail!("there is no {} {key}; `doorward-source show` lists what there is", kind.unwrap_or("record"));
    }
    let mut table = vec![["KIND", "KEY", "VERSION", "RECORD"].map(String::from)];
    for Row { kind, key, version, record } in rows {
        let mut record: Value = serde_json::from_str(&record)?;
        if !secrets && let Some(pin) = record.get_mut("pin") {
            *pin = "…".into();
        }
        if as_json {
            println!("{}", json!({"kind": kind, "key": key, "version": version, "record": record}));
        } else {
            table.push([kind, key, version.to_string(), record.to_string()]);
        }
    }
    if !as_json {
        print_table(&table);
    }
    Ok(())
}

/// Prints what [`table`] gives.
pub(crate) fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    print!("{}", table(rows));
}

/// Columns as wide as their widest cell; the last one runs free.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
