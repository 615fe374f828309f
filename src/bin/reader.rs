//! `doorward-reader`: the child that holds a card reader, as a program of its own. A reader's `command` names it where the
//! gateway's own client of pcscd does not come along with the panel's: this one is linked to the panel's library.
//!
//! Not here: the gateway, and what it does with a card.

use std::process::ExitCode;

fn main() -> ExitCode {
    match doorward::reader::child::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("doorward-reader: {error}");
            ExitCode::FAILURE
        }
    }
}
