//! Writes a manual page for `doorward` and each of its verbs, and completions for shells. Never on a panel: there are only
//! the files.
//!
//! Not here: words. They are those of `doorward --help`.

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use doorward::cli::Cli;
use std::fs;
use std::path::Path;

/// Shells for which there are completions.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

fn main() -> Result<()> {
    let Some(folder) = std::env::args_os().nth(1) else {
        bail!("name the folder to write to; `make man` takes target");
    };
    write(Path::new(&folder))
}

/// Into `man/man1` and `completions` below `folder`.
fn write(folder: &Path) -> Result<()> {
    let pages = folder.join("man/man1");
    let completions = folder.join("completions");
    for folder in [&pages, &completions] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = Cli::command();
    for shell in SHELLS {
        generate_to(shell, &mut command, "doorward", &completions)
            .with_context(|| format!("{}", completions.display()))?;
    }
    command.build();
    page(&command, "doorward", &pages)
}

/// One page, and those of the verbs below; hidden verbs have none.
fn page(command: &Command, name: &str, folder: &Path) -> Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut text)?;
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
    for verb in verbs {
        page(verb, &format!("{name}-{}", verb.get_name()), folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write;
    use clap::{Command, CommandFactory};
    use doorward::cli::Cli;
    use std::fs;
    use std::path::Path;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether each verb has its page, with each of its options.
    fn has_pages(command: &Command, name: &str, folder: &Path) {
        let page = read(&folder.join(format!("man/man1/{name}.1"))).replace("\\-", "-");
        let options = command.get_arguments().filter(|one| !one.is_hide_set());
        for long in options.filter_map(|one| one.get_long()) {
            assert!(page.contains(&format!("--{long}")), "{name}: --{long}: {page}");
        }
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            has_pages(verb, &format!("{name}-{}", verb.get_name()), folder);
        }
    }

    #[test]
    fn each_verb_has_a_page_and_is_completed() {
        let folder = tempfile::tempdir().expect("folder");
        write(folder.path()).expect("written");
        let command = Cli::command();
        has_pages(&command, "doorward", folder.path());
        for file in ["doorward.bash", "doorward.fish", "_doorward"] {
            let text = read(&folder.path().join("completions").join(file));
            for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
                assert!(text.contains(verb.get_name()), "{file}: {}", verb.get_name());
            }
        }
        let names = fs::read_dir(folder.path().join("man/man1")).expect("pages");
        let hidden = names.flatten().any(|page| page.file_name().to_string_lossy().contains("reader-child"));
        assert!(!hidden, "what nobody types has no page");
    }
}
