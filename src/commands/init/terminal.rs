//! A person who answers. Secrets are typed without being seen.

use super::answers::{Answers, shipped_names};
use super::questions::{Need, Question};
use access::text::Secret;
use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Write};

/// The terminal that this was started on.
pub(super) struct Terminal(());

impl Terminal {
    /// None where nobody could answer.
    pub(super) fn open() -> Option<Terminal> {
        (io::stdin().is_terminal() && io::stdout().is_terminal()).then_some(Terminal(()))
    }

    pub(super) fn complain(&mut self, why: &str) -> Result<()> {
        println!("  {why}");
        Ok(io::stdout().flush()?)
    }

    /// Asks until the answer is one.
    pub(super) fn ask(&mut self, question: &Question, need: Need, answers: &mut Answers) -> Result<()> {
        self.choices(question.flag);
        loop {
            let answer = if question.is_secret && question.flag != "broker-key" {
                hidden(question.words)?
            } else {
                line(question.words)?
            };
            if answer.is_empty() && need == Need::Required {
                self.complain("it is needed")?;
                continue;
            }
            if let Err(why) = (question.check)(&answer) {
                self.complain(&why)?;
                continue;
            }
            match (question.is_secret, question.flag) {
                (false, _) => answers.say(question.flag, answer),
                (true, _) if answer.is_empty() => {}
                // Nobody types a key.
                (true, "broker-key") => match std::fs::read_to_string(&answer) {
                    Ok(key) => answers.keep_secret(question.flag, Secret::from(key)),
                    Err(error) => {
                        self.complain(&format!("{answer}: {error}"))?;
                        continue;
                    }
                },
                (true, _) => answers.keep_secret(question.flag, Secret::from(answer)),
            }
            return Ok(());
        }
    }

    /// Each reader is several questions.
    pub(super) fn ask_readers(&mut self, answers: &mut Answers) -> Result<()> {
        let mut readers = Vec::new();
        loop {
            let name = line("A card reader's name, such as entrance (empty: no more)")?;
            if name.is_empty() {
                answers.set_readers(readers);
                return Ok(());
            }
            let kind = line("  its kind: pcsc, libnfc or osdp")?;
            let which = match kind.as_str() {
                "pcsc" => line("  the beginning of its name, as `doorward readers` shows it")?,
                "libnfc" | "osdp" => line("  its port, best under /dev/serial/by-id/")?,
                _ => {
                    self.complain("is no kind of reader")?;
                    continue;
                }
            };
            let door = line("  the key of the door beside it (empty: none)")?;
            readers.push([name, kind, which, door].join(","));
        }
    }

    fn choices(&self, flag: &str) {
        let folder = match flag {
            "board" => "boards",
            "pacs-profile" => "profiles",
            _ => return,
        };
        let names = shipped_names(folder);
        if !names.is_empty() {
            println!("  {}, or a file", names.join(", "));
        }
    }
}

fn line(words: &str) -> Result<String> {
    print!("{words}: ");
    io::stdout().flush()?;
    let mut text = String::new();
    if io::stdin().lock().read_line(&mut text)? == 0 {
        bail!("nobody answers; nothing was written");
    }
    Ok(text.trim().to_owned())
}

/// What is typed is not shown, whatever comes of it.
fn hidden(words: &str) -> Result<String> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin).context("the terminal cannot be asked how it stands")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("the terminal cannot be silenced")?;
    let typed = line(words);
    let restored = tcsetattr(&stdin, OptionalActions::Now, &before);
    println!();
    restored.context("the terminal stays silent; `stty echo` helps")?;
    typed
}
