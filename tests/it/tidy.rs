//! The repository read as text: floors, purity, and habits that no compiler holds.
//!
//! Every rule is a function from text to breaches, tried on small strings beside it; here they meet the
//! tree. Not here: what rustfmt, clippy and cargo-deny see already.

mod code;
mod floors;
mod habits;
mod links;

use std::fs;
use std::path::{Path, PathBuf};

/// Largest file that is read as text; larger ones are data.
const TEXT_MAX_BYTES: u64 = 1024 * 1024;

/// One text file of the tree.
struct File {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files but those that a build or a tool leaves behind.
fn tree() -> Vec<File> {
    let mut files = Vec::new();
    let mut pending: Vec<PathBuf> = vec![root().into()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            let ours = !name.starts_with('.') || name == ".ci" || name == ".github";
            if kind.is_dir() && ours && name != "target" {
                pending.push(entry.path());
            } else if kind.is_file() && entry.metadata().unwrap().len() <= TEXT_MAX_BYTES {
                let path = entry.path();
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(root()).unwrap().to_str().unwrap().into();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The Rust files under any of `folders`.
fn rust<'a>(files: &'a [File], folders: &'a [&str]) -> impl Iterator<Item = &'a File> {
    files.iter().filter(|file| {
        file.path.ends_with(".rs") && folders.iter().any(|folder| file.path.starts_with(folder))
    })
}

fn assert_none(breaches: impl Iterator<Item = String>) {
    let breaches: Vec<String> = breaches.collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_tree_is_found() {
    let files = tree();
    for path in ["Cargo.toml", "src/lib.rs", "access/src/lib.rs", "contract/src/lib.rs", "tests/it/tidy.rs"] {
        assert!(files.iter().any(|file| file.path == path), "{path} was not read");
    }
    assert!(!files.iter().any(|file| file.path.starts_with("target/")));
}

#[test]
fn imports_go_downward() {
    let files = tree();
    assert_none(rust(&files, &["src/"]).flat_map(|file| floors::breaches(&file.path, &file.text)));
}

#[test]
fn the_rules_and_the_contract_touch_neither_disk_nor_network_nor_clock() {
    let files = tree();
    let pure = rust(&files, &["access/src/", "contract/src/"]);
    assert_none(pure.flat_map(|file| floors::impurities(&file.path, &file.text)));
}

#[test]
fn files_stay_short_enough_to_be_read() {
    let files = tree();
    let ours = rust(&files, &["src/", "access/", "contract/", "source/", "sim/"]);
    assert_none(ours.filter_map(|file| habits::too_long(&file.path, &file.text)));
}

#[test]
fn no_file_is_a_drawer_for_leftovers() {
    assert_none(tree().iter().filter_map(|file| habits::drawer(&file.path)));
}

#[test]
fn every_lint_exception_has_a_reason() {
    let files = tree();
    assert_none(rust(&files, &[""]).flat_map(|file| habits::bare_exceptions(&file.path, &file.text)));
}

#[test]
fn nothing_is_left_for_later_in_a_comment() {
    assert_none(tree().iter().flat_map(|file| habits::left_for_later(&file.path, &file.text)));
}

#[test]
fn no_file_names_a_home_on_one_machine() {
    assert_none(tree().iter().flat_map(|file| habits::machine_homes(&file.path, &file.text)));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let files = tree();
    let documents = files.iter().filter(|file| file.path.ends_with(".md"));
    assert_none(
        documents.flat_map(|file| links::broken(&file.path, &file.text, |path| root().join(path).exists())),
    );
}
