//! A `multipart/form-data` body, and the CSV file in it.

use crate::double::Ask;

/// The text of the part `file`; none when the body is no such form.
pub(super) fn file(ask: &Ask) -> Option<String> {
    let kind = ask.header("content-type")?;
    let boundary = kind.strip_prefix("multipart/form-data;")?.trim().strip_prefix("boundary=")?;
    let body = String::from_utf8(ask.body.clone()).ok()?;
    // Before the first boundary there is nothing, after the last one two dashes.
    let marked = format!("\r\n{body}");
    let mark = format!("\r\n--{}", boundary.trim_matches('"'));
    let mut parts = marked.split(&mark);
    parts.next()?;
    let mut text = None;
    let mut is_closed = false;
    for part in parts {
        is_closed = part.trim_end() == "--";
        let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        if head.contains("content-disposition: form-data") && head.contains("name=\"file\"") {
            text = Some(content.to_owned());
        }
    }
    text.filter(|_| is_closed)
}

/// Number and alias of each line; none when one has more. The alias may be left out.
pub(super) fn lines(text: &str) -> Option<Vec<(String, String)>> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        match fields.as_slice() {
            [number] => Some(((*number).to_owned(), String::new())),
            [number, alias] => Some(((*number).to_owned(), (*alias).to_owned())),
            _ => None,
        }
    };
    text.lines().filter(|one| !one.trim().is_empty()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Ask {
        let kind = ("content-type".to_owned(), "multipart/form-data; boundary=xx".to_owned());
        Ask::new("POST", "/import", "", vec![kind], body.as_bytes().to_vec())
    }

    #[test]
    fn a_form_gives_its_file_only_when_it_is_whole() {
        let head =
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv";
        let whole = format!("--xx\r\n{head}\r\n\r\n0A, one\r\n0B,\r\n\r\n--xx--\r\n");
        assert_eq!(file(&ask(&whole)).as_deref(), Some("0A, one\r\n0B,\r\n"));
        assert_eq!(file(&ask(&whole.replace("--xx--", "--xx"))), None);
        assert_eq!(file(&ask(&whole.replace("\"file\"", "\"other\""))), None);
        assert_eq!(file(&ask("0A, one")), None);
    }

    #[test]
    fn a_line_is_a_number_and_perhaps_an_alias() {
        let pair = |number: &str, alias: &str| (number.to_owned(), alias.to_owned());
        assert_eq!(lines("0A, one\n\n0B\n"), Some(vec![pair("0A", "one"), pair("0B", "")]));
        assert_eq!(lines("0A,one,two"), None);
    }
}
