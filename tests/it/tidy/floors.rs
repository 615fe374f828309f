//! The floors of the house: what each module of `src/` may import.

use super::code::{blank, heads, lines_with_word};

/// The modules at the root of the gateway's crate, and their floor. A new module has to be given one.
const FLOORS: [(&str, u8); 13] = [
    // Imports nothing and is empty in a panel's build, so anyone may pass through it.
    ("failpoint", 0),
    ("clock", 1),
    ("config", 1),
    ("tls", 1),
    ("mirror", 2),
    ("feed", 2),
    ("export", 2),
    ("board", 2),
    ("reader", 2),
    ("service", 3),
    ("commands", 4),
    ("cli", 4),
    // Programs beside `main`.
    ("bin", 4),
];
/// Where the siblings live that must not know each other.
const SIBLINGS: u8 = 2;
/// Where everything may be imported.
const TOP: u8 = 4;

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// Imports of `path` (such as `src/feed/sync.rs`) that do not go downward.
pub(super) fn breaches(path: &str, text: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path).trim_end_matches(".rs");
    let module = inside.split('/').next().unwrap_or(inside);
    if module == "main" || module == "lib" {
        return Vec::new();
    }
    let Some(own) = floor(module) else {
        return vec![format!(
            "{path}: module `{module}` has no floor: give it one in tests/it/tidy/floors.rs"
        )];
    };
    let depth = inside.split('/').filter(|part| *part != "mod").count();
    imports(&blank(text), depth)
        .into_iter()
        .filter_map(|(line, target)| {
            let why = objection(module, own, &target)?;
            Some(format!("{path}:{line}: `{module}` (floor {own}) imports `{target}`: {why}"))
        })
        .collect()
}

/// The modules of the crate's root that `code` names.
fn imports(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = heads(code, "crate::");
    found.extend(heads(code, "doorward::"));
    // The long way round: as many `super` as it takes to stand at the root. Deeper inside the file the same
    // words may mean something else, so here only names of the root's modules count.
    let root = "super::".repeat(depth);
    found.extend(heads(code, &root).into_iter().filter(|(_, name)| floor(name).is_some()));
    found.sort();
    found.dedup();
    found
}

fn objection(module: &str, own: u8, target: &str) -> Option<String> {
    if module == target || own == TOP {
        return None;
    }
    match floor(target) {
        None => Some("that has no floor; items at the crate's root hide where they come from".into()),
        Some(theirs) if theirs > own => Some(format!("that is upstairs, on floor {theirs}")),
        Some(SIBLINGS) if own == SIBLINGS => {
            Some("siblings do not know each other; join them in `service`".into())
        }
        Some(_) => None,
    }
}

/// Parts of `std` that reach out of the process or ask it for the time.
const OUTSIDE: [&str; 7] = ["env", "fs", "net", "os", "process", "thread", "time"];
/// Crates that do IO, and the two clocks under any name of their path.
const FORBIDDEN: [&str; 7] = ["tokio", "rusqlite", "rumqttc", "hyper", "rustix", "SystemTime", "Instant"];

/// What a pure crate names that it must not.
pub(super) fn impurities(path: &str, text: &str) -> Vec<String> {
    let code = blank(text);
    let paths = heads(&code, "std::").into_iter().filter(|(_, name)| OUTSIDE.contains(&name.as_str()));
    let mut found: Vec<String> = paths.map(|(line, name)| format!("{path}:{line}: std::{name}")).collect();
    for word in FORBIDDEN {
        found.extend(lines_with_word(&code, word).into_iter().map(|line| format!("{path}:{line}: {word}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        breaches(path, text).len()
    }

    #[test]
    fn downward_and_within_a_module_is_allowed() {
        let text =
            "use crate::clock::Clock;\nuse crate::failpoint;\nuse crate::mirror::rows;\nuse super::rows;";
        assert_eq!(count("src/mirror/apply.rs", text), 0);
        assert_eq!(count("src/service/sync.rs", "use crate::{mirror::Mirror, feed, config::Config};"), 0);
        assert_eq!(count("src/commands/run.rs", "use crate::{cli, service, export};"), 0);
        assert_eq!(count("src/config.rs", "use crate::clock::SyncSource;"), 0);
    }

    #[test]
    fn upward_is_found_wherever_it_hides() {
        assert_eq!(count("src/clock.rs", "use crate::mirror::Mirror;"), 1);
        assert_eq!(count("src/mirror.rs", "fn f() -> crate::service::X { todo() }"), 1);
        assert_eq!(count("src/config.rs", "use crate::{clock, export::{plan, ledger}};"), 1);
        assert_eq!(count("src/service/door.rs", "use doorward::commands::run;"), 1);
        assert_eq!(count("src/failpoint.rs", "use crate::config::Config;"), 1);
    }

    #[test]
    fn siblings_are_found() {
        let found = breaches("src/feed/sync.rs", "\nuse crate::mirror::Mirror;");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("src/feed/sync.rs:2: `feed` (floor 2) imports `mirror`"), "{found:?}");
        assert_eq!(count("src/feed/sync.rs", "use super::super::mirror::Mirror;"), 1);
        assert_eq!(count("src/feed.rs", "use super::{export};"), 1);
    }

    #[test]
    fn comments_and_strings_import_nothing() {
        assert_eq!(count("src/feed.rs", "//! [`crate::mirror`]\nconst A: &str = \"crate::mirror\";"), 0);
    }

    #[test]
    fn a_module_without_a_floor_is_found() {
        assert_eq!(count("src/helpers.rs", ""), 1);
        assert_eq!(count("src/feed.rs", "use crate::Everything;"), 1);
        assert_eq!(count("src/lib.rs", "pub use crate::mirror::Mirror;"), 0);
    }

    #[test]
    fn disk_network_and_clocks_are_found_in_a_pure_crate() {
        let found =
            impurities("x.rs", "use std::{fmt, fs::File};\nstd::net::lookup();\nlet t = Instant::now();");
        assert_eq!(found, ["x.rs:1: std::fs", "x.rs:2: std::net", "x.rs:3: Instant"]);
        assert_eq!(
            impurities("x.rs", "use std::time::SystemTime;\nasync fn f() { tokio::spawn(g()) }").len(),
            3
        );
        assert!(
            impurities("x.rs", "use core::fmt; // tokio\nuse std::borrow::Cow; struct Instants;").is_empty()
        );
    }
}
