//! `doorward`: parses the command line and hands over to one verb.

use clap::Parser;
use doorward::cli::{Cli, Verb};
use doorward::commands;
use doorward::commands::query::Only;
use doorward::service::enrolling::asking::CardWish;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Verb::Run => commands::run::run(&cli.config),
        Verb::Init(args) => commands::init::init(&cli.config, &args),
        Verb::Check => commands::check::check(&cli.config),
        Verb::Query { what, filter, json, limit, denied, since } => {
            let only = Only { denied, since };
            commands::query::query(&cli.config, what, filter.as_deref(), json, limit, &only)
        }
        Verb::Why { event: Some(event), how, .. } => {
            return answered(commands::why::event(&cli.config, event, how));
        }
        Verb::Why { uid, user, door, how, event: None } => {
            return answered(commands::why::why(&cli.config, uid, user, door, how));
        }
        Verb::Who { door, how, limit } => {
            return answered(commands::who::who(&cli.config, &door, how, limit));
        }
        Verb::Where { user, how, limit } => {
            return answered(commands::who::whither(&cli.config, &user, how, limit));
        }
        Verb::Next { hours, json, limit } => {
            return answered(commands::next::next(&cli.config, hours, json, limit));
        }
        Verb::Status { json } => commands::status::status(&cli.config, json),
        Verb::Export { verb } => commands::export::export(&cli.config, verb),
        Verb::Board { board, verb } => commands::board::board(&cli.config, board.as_deref(), verb),
        Verb::Enroll { user, kind, reader, timeout, single, json } => {
            let wish = CardWish { user, kind, reader, timeout_s: timeout, single };
            commands::enroll::enroll(&cli.config, wish, json)
        }
        Verb::Token { verb } => commands::token::token(&cli.config, verb),
        Verb::Door { verb } => commands::door::door(&cli.config, verb),
        Verb::Clock { json, verb } => commands::clock::clock(&cli.config, json, verb),
        Verb::Readers { json } => commands::readers::readers(&cli.config, json),
        Verb::Read { reader, printed, json } => {
            commands::read::read(&cli.config, reader.as_deref(), printed.as_deref(), json)
        }
        Verb::ReaderChild => doorward::reader::child::run().map_err(Into::into),
        Verb::Diag { folder } => commands::diag::diag(&cli.config, &folder),
        Verb::Backup(args) => commands::backup::backup(&cli.config, &args),
        Verb::Restore(args) => commands::restore::restore(&cli.config, &args),
        Verb::Doctor { json } => commands::doctor::doctor(&cli.config, json),
        Verb::Verify { json } => commands::verify::verify(&cli.config, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorward: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A question has an answer of its own: 0 for yes, 1 for no, and 2 where there is none.
fn answered(answer: anyhow::Result<bool>) -> ExitCode {
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("doorward: {error:#}");
            ExitCode::from(2)
        }
    }
}
