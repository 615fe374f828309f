//! Links from one document of the tree to another file of it.

use super::code::line_of;

/// Links of the document at `path` to files that `exists` does not know (asked with paths from the root).
pub(super) fn broken(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let prose = without_code(text);
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (at, target) in targets(&prose) {
        let file = target.split('#').next().unwrap_or("");
        if file.is_empty() || is_elsewhere(file) {
            continue;
        }
        if !resolve(folder, file).is_some_and(|file| exists(&file)) {
            found.push(format!("{path}:{}: the link to {target} leads nowhere", line_of(&prose, at)));
        }
    }
    found
}

/// `text` with fenced blocks and code spans blanked: an example's link is no link.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```");
        if fence || fenced {
            fenced ^= fence;
            out.push('\n');
            continue;
        }
        // A lone backtick opens nothing.
        let spans = line.matches('`').count() / 2;
        for (n, part) in line.split('`').enumerate() {
            out.push_str(if n % 2 == 1 && n < spans * 2 { "code" } else { part });
        }
    }
    out
}

/// What follows `](` and what follows `[name]: `, with its place.
fn targets(prose: &str) -> Vec<(usize, &str)> {
    let inline = prose.match_indices("](").map(|(at, _)| (at, &prose[at + 2..]));
    let defined = prose.match_indices("]: ").filter_map(|(at, _)| {
        let line = prose[..at].rsplit('\n').next()?;
        line.starts_with('[').then(|| (at, &prose[at + 3..]))
    });
    let end = |rest: &str| rest.find(|c: char| c == ')' || c.is_whitespace()).unwrap_or(rest.len());
    inline.chain(defined).map(|(at, rest)| (at, rest[..end(rest)].trim_matches(['<', '>']))).collect()
}

fn is_elsewhere(target: &str) -> bool {
    target.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'))
}

/// `None` where it leaves the tree.
fn resolve(folder: &str, file: &str) -> Option<String> {
    let from = if file.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(file.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: [&str; 2] = ["README.md", "docs/contract.md"];

    fn count(path: &str, text: &str) -> usize {
        broken(path, text, |file| TREE.contains(&file)).len()
    }

    #[test]
    fn links_to_files_of_the_tree_are_fine() {
        assert_eq!(
            count("README.md", "[a](docs/contract.md#topics \"title\") [b](#here) [c](https://x.y/z.md)"),
            0
        );
        assert_eq!(count("docs/contract.md", "[a](../README.md)\n\n[b]: ./contract.md\n"), 0);
    }

    #[test]
    fn broken_links_are_found() {
        assert_eq!(broken("README.md", "\n[a](docs/gone.md)", |_| false).len(), 1);
        assert_eq!(count("README.md", "[a](contract.md)\n\n[b]: gone.md\n"), 2);
        assert_eq!(count("README.md", "[a](../../elsewhere/README.md)"), 1);
    }

    #[test]
    fn examples_are_no_links() {
        assert_eq!(count("README.md", "`[a](b)` and\n```\n[c](d)\n```\n"), 0);
        assert_eq!(count("README.md", "`lone [a](b)"), 1);
    }
}
