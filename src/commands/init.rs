//! `doorward init`: asks what a panel has to know, writes the configuration and its secrets, and lets the doctor look.
//!
//! - `answers`: what was said, and the files it leads to
//! - `questions`: what there is to ask
//! - `terminal`: a person who answers
//! - `text`: the configuration
//! - `placing`: the files, each in its place
//!
//! Not here: what a configuration may say (`config`: what is written was read by it first).

mod answers;
pub(super) mod placing;
mod questions;
mod terminal;
mod text;

use super::doctor::doctor;
use crate::cli::InitArgs;
use crate::config::{self, ConfigError};
use answers::Answers;
use anyhow::{Result, bail};
use questions::{Need, QUESTIONS, Question};
use std::path::Path;
use terminal::Terminal;

/// Writes the configuration at `file`, and says what the doctor says.
///
/// # Errors
/// When an answer is missing or wrong, when something cannot be written, and when one of the doctor's checks has failed.
pub fn init(file: &Path, args: &InitArgs) -> Result<()> {
    if file.exists() && !args.force {
        bail!("{}: is there already; give --force to replace it (it is kept beside)", file.display());
    }
    let mut terminal = (!args.yes).then(Terminal::open).flatten();
    let mut answers = Answers::given(args)?;
    let text = loop {
        complete(&mut answers, terminal.as_mut())?;
        let text = text::text(&answers, args, file)?;
        match (config::parse(file, &text), &mut terminal) {
            (Ok(_), _) => break text,
            (Err(error), Some(terminal)) if answers.forget(&error.key) => {
                terminal.complain(&plain(&error))?
            }
            (Err(error), _) => bail!("{}{}", flag_of(&error.key), plain(&error)),
        }
    };
    placing::place_all(file, args, &answers, &text)?;
    println!();
    doctor(file, false)
}

/// Asks for whatever is not answered; without a terminal it is as usual, or an error that names the flag.
fn complete(answers: &mut Answers, mut terminal: Option<&mut Terminal>) -> Result<()> {
    let mut missing = Vec::new();
    for question in &QUESTIONS {
        let need = (question.need)(answers);
        // Readers are asked for last, and their key then.
        let may_follow = terminal.is_some() && question.flag == "reader-key";
        if answers.has(question.flag) && need == Need::No && !may_follow {
            bail!(
                "{}: nothing else asks for it; leave it out, or give what it belongs to",
                question.option()
            );
        }
        if answers.has(question.flag) {
            match (question.check)(answers.text(question.flag)) {
                Ok(()) => continue,
                Err(why) => match &mut terminal {
                    Some(terminal) => terminal.complain(&why)?,
                    None => bail!("{}: {why}", question.option()),
                },
            }
        }
        match (&mut terminal, need) {
            (_, Need::No) => {}
            (Some(terminal), Need::Asked | Need::Required) => terminal.ask(question, need, answers)?,
            (None, Need::Required) => missing.push(question.option()),
            (None, Need::Asked) => {}
        }
    }
    if !missing.is_empty() {
        bail!("{} missing; give it, or start this on a terminal without --yes", missing.join(", "));
    }
    if let Some(terminal) = terminal
        && answers.asks_readers()
    {
        terminal.ask_readers(answers)?;
        // An OSDP reader needs its key.
        return complete(answers, Some(terminal));
    }
    Ok(())
}

fn plain(ConfigError { key, problem, remedy, .. }: &ConfigError) -> String {
    format!("{key}: {problem}; {remedy}")
}

fn flag_of(key: &str) -> String {
    if key.starts_with("reader") {
        return "--reader: ".into();
    }
    QUESTIONS
        .iter()
        .find(|question| question.is_about(key))
        .map_or_else(String::new, |question| format!("{}: ", Question::option(question)))
}
