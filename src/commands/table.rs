//! Rows for people.

use std::fmt::Write;

/// Foreign text as it may go to a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Aligned columns under their headings. Control characters in foreign text are shown, not obeyed.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| std::array::from_fn(|at| clean(&row[at]))).collect();
    let width = |at: usize| {
        rows.iter().map(|row| row[at].chars().count()).chain([headings[at].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    let mut line = |cells: [&str; N]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(out, "{}", padded.join("  ").trim_end());
    };
    line(headings);
    for row in &rows {
        line(std::array::from_fn(|at| row[at].as_str()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_align_and_control_characters_do_nothing() {
        let rows = [["u-1".into(), "Ada".into()], ["u-200".into(), "E\u{1b}[31mve".into()]];
        assert_eq!(table(["KEY", "NAME"], &rows), "KEY    NAME\nu-1    Ada\nu-200  E\u{fffd}[31mve\n");
    }
}
