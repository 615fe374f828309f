//! Just enough of Rust's grammar to tell code from comments and literals, and to find paths in it.

/// `text` with the contents of comments, strings and characters blanked; lines stay where they are.
pub(super) fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, keep) = token(&chars, at);
        for &c in &chars[at..end] {
            out.push(if keep || c == '\n' || c == '"' { c } else { ' ' });
        }
        at = end;
    }
    out
}

/// Where the token that begins at `at` ends, and whether it is code.
fn token(chars: &[char], at: usize) -> (usize, bool) {
    let next = chars.get(at + 1).copied();
    let inside_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next == Some('/') => (line_end(chars, at), false),
        '/' if next == Some('*') => (block_comment_end(chars, at), false),
        '"' => (string_end(chars, at + 1), false),
        'r' if !inside_word || matches!(chars[at - 1], 'b' | 'c') => match raw_string_end(chars, at + 1) {
            Some(end) => (end, false),
            None => (at + 1, true),
        },
        '\'' => match char_end(chars, at) {
            Some(end) => (end, false),
            None => (at + 1, true),
        },
        _ => (at + 1, true),
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |n| at + n)
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// `at` is behind the `r`.
fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let body = at + hashes + 1;
    let closes = |from: usize| {
        chars[from] == '"' && chars[from + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    Some((body..chars.len()).find(|&from| closes(from)).map_or(chars.len(), |from| from + 1 + hashes))
}

/// `None` for a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    if chars.get(at + 1) == Some(&'\\') {
        let quote = chars[at + 3..].iter().position(|&c| c == '\'')?;
        return Some(at + 3 + quote + 1);
    }
    (chars.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The lines (from 1) on which `word` stands alone.
pub(super) fn lines_with_word(text: &str, word: &str) -> Vec<usize> {
    let alone = |at: usize| {
        !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + word.len()..].chars().next().is_some_and(is_word)
    };
    text.match_indices(word).filter(|&(at, _)| alone(at)).map(|(at, _)| line_of(text, at)).collect()
}

/// The line (from 1) of a byte.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What comes first after every `prefix` (such as `crate::`) in blanked code, with its line. A group in braces
/// gives each of its members.
pub(super) fn heads(code: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| is_word(c) || c == '$') {
            continue;
        }
        let line = line_of(code, at);
        found.extend(members(&code[at + prefix.len()..]).into_iter().map(|name| (line, name)));
    }
    found
}

fn members(rest: &str) -> Vec<String> {
    let Some(group) = rest.trim_start().strip_prefix('{') else {
        return Vec::from_iter(first_word(rest));
    };
    let mut names = Vec::from_iter(first_word(group));
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.extend(first_word(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim_start().chars().take_while(|&c| is_word(c)).collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    let text = "a // crate::x\n/* b /* c */ d */ e\n\"f \\\" g\" h r#\"i \" j\"# k '\\'' l '\"' m<'n>(o)";
    let code = blank(text);
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
    let left: String = code.chars().filter(|&c| is_word(c)).collect();
    assert_eq!(left, "aehklmno");
}

#[test]
fn raw_identifiers_and_words_that_end_in_r_are_code() {
    assert_eq!(blank("r#type for\"x\" br\"y\" r"), "r#type for\" \" b \" \" r");
}

#[test]
fn heads_come_from_paths_and_groups() {
    let code =
        "use crate::a::b;\nuse crate::{c, d::{e, f}, g as h,\n};\n$crate::i; my_crate::j; pub(crate) k";
    let heads: Vec<String> = heads(code, "crate::").into_iter().map(|(l, n)| format!("{l}{n}")).collect();
    assert_eq!(heads, ["1a", "2c", "2d", "2g"]);
}

#[test]
fn a_word_stands_alone() {
    assert_eq!(lines_with_word("tokio\ntokio_x\nx(tokio)\n_tokio", "tokio"), [1, 3]);
}
