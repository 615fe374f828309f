//! `doorward-demo`: the real programs as processes, on this machine alone, through a day that goes wrong.
//!
//! It starts mosquitto, the simulated PACS, the source and the gateway, and shows each step with its measured
//! times. Every claim on the screen is checked; the first one that is false ends the demo with an error.
//!
//! | file | what it holds |
//! |---|---|
//! | `steps` | the steps, in the order of the screen |
//! | `stage`, `setting`, `children` | the folder, the settings, the processes |
//! | `reader` | a card reader, and the middleware that knows it |
//! | `witness` | who saw what, and when |
//! | `office` | who should be in the PACS, kept by hand |
//! | `screen` | what is printed |
//! | `patience`, `http`, `clock` | waiting, asking, time |
//!
//! Not here: any part of the gateway. What the demo says of it, it has seen from outside.

mod children;
mod clock;
mod http;
mod office;
mod patience;
mod reader;
mod screen;
mod setting;
mod stage;
mod steps;
mod witness;

use anyhow::Result;
use clap::Parser;
use office::Office;
use screen::{Screen, shown};
use stage::Stage;
use std::path::PathBuf;
use std::process::ExitCode;

/// Shows Doorward at work on this machine: a source, a broker, a panel, a PACS, and what goes wrong between them.
#[derive(Parser)]
#[command(name = "doorward-demo", version)]
struct Cli {
    /// The repository, for its examples, profiles and access rules.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    root: PathBuf,
    /// Leave the folder with settings, logs and databases behind.
    #[arg(long)]
    keep: bool,
}

/// What the steps work with.
struct Show {
    screen: Screen,
    stage: Stage,
    office: Office,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let began = clock::now();
    let show = patience::watch_signals().and_then(|()| {
        let (screen, office) = (Screen::new(), Office::example()?);
        Ok(Show { screen, stage: Stage::new(&cli.root)?, office })
    });
    let mut show = match show {
        Ok(show) => show,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    if cli.keep {
        show.stage.keep();
    }
    let title = "Doorward: from the source to the PACS, whatever fails on the way";
    show.screen
        .title(title, "Every line with a ✓ was checked. Times are measured from outside the programs.");
    let result = run(&mut show);
    if cli.keep {
        println!("\nSettings, logs and databases are in {}", show.stage.path("").display());
    }
    match result {
        Ok(()) => {
            let checks = show.screen.checks();
            show.screen.well(&format!("All {checks} checks hold, after {}.", shown(began.elapsed())));
            ExitCode::SUCCESS
        }
        Err(error) => {
            show.screen.failed(&error, &show.stage.tails());
            ExitCode::FAILURE
        }
    }
}

fn run(show: &mut Show) -> Result<()> {
    steps::start::up(show)?;
    steps::start::import(show)?;
    steps::people::hire(show)?;
    steps::people::revoke(show)?;
    steps::enroll::two_taps(show)?;
    steps::door::opens(show)?;
    steps::window::opens_and_closes(show)?;
    steps::outages::pacs(show)?;
    steps::outages::broker(show)?;
    steps::burst::killed_in_the_middle(show)?;
    steps::offline::queries(show)
}
