//! Habits that hold for single files.

use super::code::{blank, is_word, line_of, lines_with_word};

/// Longest Rust file in lines, tests apart.
const FILE_MAX_LINES: usize = 400;
// In two parts, so that this file keeps its own rules.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const HOMES: [&str; 2] = [concat!("/ro", "ot/"), concat!("/ho", "me/")];

pub(super) fn too_long(path: &str, text: &str) -> Option<String> {
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    let lines = text.lines().count();
    (!is_test && lines > FILE_MAX_LINES)
        .then(|| format!("{path}: {lines} lines, {FILE_MAX_LINES} are enough"))
}

pub(super) fn drawer(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["util.rs", "utils.rs", "helpers.rs", "misc.rs"]
        .contains(&name)
        .then(|| format!("{path}: name a file after what is in it"))
}

/// `allow` and `expect` in attributes, without a reason.
pub(super) fn bare_exceptions(path: &str, text: &str) -> Vec<String> {
    let code = blank(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let open = at + code[at..].find('[').unwrap_or(0);
        let attribute = balanced(&code[open..], '[', ']');
        for lint in ["allow(", "expect("] {
            for (inside, _) in attribute.match_indices(lint) {
                let alone = !attribute[..inside].chars().next_back().is_some_and(is_word);
                let arguments = balanced(&attribute[inside + lint.len() - 1..], '(', ')');
                if alone && lines_with_word(arguments, "reason").is_empty() {
                    found.push(format!("{path}:{}: {lint}…) has no reason", line_of(&code, open + inside)));
                }
            }
        }
    }
    found
}

/// From the opening bracket that `text` begins with to the one that closes it.
fn balanced(text: &str, open: char, close: char) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return &text[..=at];
            }
        }
    }
    text
}

pub(super) fn left_for_later(path: &str, text: &str) -> Vec<String> {
    let found =
        LATER.iter().flat_map(|word| lines_with_word(text, word).into_iter().map(move |line| (line, word)));
    found.map(|(line, word)| format!("{path}:{line}: {word}: do it, or open an issue")).collect()
}

pub(super) fn machine_homes(path: &str, text: &str) -> Vec<String> {
    let begins_there = |at: usize| {
        !text[..at]
            .chars()
            .next_back()
            .is_some_and(|c| is_word(c) || matches!(c, '.' | '-' | '~' | '}' | ')'))
    };
    let found = HOMES.iter().flat_map(|home| text.match_indices(home)).filter(|&(at, _)| begins_there(at));
    found
        .map(|(at, home)| format!("{path}:{}: {home}… is a path of one machine", line_of(text, at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_a_long_test_is_not() {
        let text = "\n".repeat(FILE_MAX_LINES + 1);
        assert!(too_long("src/feed.rs", &text).is_some());
        assert!(too_long("src/feed.rs", &text[1..]).is_none());
        assert!(too_long("sim/tests/pacs/main.rs", &text).is_none());
    }

    #[test]
    fn a_drawer_is_found() {
        assert!(drawer("src/utils.rs").is_some());
        assert!(drawer("src/feed.rs").is_none());
    }

    #[test]
    fn a_bare_exception_is_found() {
        let bare = "#[allow(dead_code)]\nfn a() {}\n#![expect(unused)]\n#[cfg_attr(x, allow(y))]\n";
        let lines: Vec<_> =
            bare_exceptions("a.rs", bare).iter().map(|b| b.split(':').nth(1).unwrap().to_owned()).collect();
        assert_eq!(lines, ["1", "4", "3"]);
    }

    #[test]
    fn an_exception_with_a_reason_and_a_method_are_fine() {
        let fine = "#[expect(\n    unsafe_code,\n    reason = \"ioctl (one)\"\n)]\nfn a() { b.expect(\"c\") } // #[allow(d)]";
        assert!(bare_exceptions("a.rs", fine).is_empty());
        assert!(bare_exceptions("a.rs", "#[allow_all(x)] #[should_panic(expected = \"y\")]").is_empty());
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        let text = format!("// {}: retry\nmktemp a.{}\n# {}", LATER[0], "X".repeat(6), LATER[1]);
        assert_eq!(left_for_later("a", &text).len(), 2);
    }

    #[test]
    fn a_home_is_found_and_a_folder_of_that_name_is_not() {
        let text =
            format!("cd {}me\n\"{}x\" https://example.org{} $HOME{}", HOMES[1], HOMES[0], HOMES[1], HOMES[0]);
        assert_eq!(machine_homes("a", &text).len(), 2);
    }
}
