//! The command line: [`Verb`] is its page, and the larger verbs have one of their own.
//!
//! Not here: what a verb does (`commands`).

mod board;
mod export;
mod init;
mod order;
mod question;
mod replace;
mod value;

use crate::service::answering::next::HOURS_MAX;
use crate::service::answering::who::LINES_MAX as ANSWER_LINES_MAX;
use access::id::Key;
use access::token::TokenKind;
use access::uid::RawId;
pub use board::BoardVerb;
use clap::{Parser, Subcommand};
pub use export::ExportVerb;
pub use init::InitArgs;
pub use order::{ClockVerb, DoorVerb, TokenVerb};
pub use question::{How, What};
pub use replace::{BackupArgs, RestoreArgs};
use std::path::PathBuf;
use value::{seconds, token_kind, uid};

/// The gateway of a door panel.
#[derive(Parser, Debug)]
#[command(
    name = "doorward",
    version,
    about = "The gateway of a door panel: mirrors who may pass, tells the PACS, answers offline"
)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, global = true, default_value = "/etc/doorward/config.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Ask what this panel has to know, write its configuration and secrets, and look whether all is well
    Init(Box<InitArgs>),
    /// Run the gateway until SIGTERM or SIGINT
    Run,
    /// Do what `run` does up to the point where it would act, and say what was found
    Check,
    /// Show what the mirror holds; works with the daemon running or stopped
    Query {
        /// What to show
        what: What,
        /// A key, or text to look for
        filter: Option<String>,
        /// JSON for programs
        #[arg(long)]
        json: bool,
        /// Most rows shown
        #[arg(long, default_value_t = 1000)]
        limit: u32,
        /// Of events, only cards that might not pass
        #[arg(long)]
        denied: bool,
        /// Of events, only those since then: 08:00 (UTC, the last time it was that late), 2h, or an instant
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// May this card pass this door, and if not, what stands in the way? Ends with 0 if it may, 1 if not
    #[command(allow_missing_positional = true)]
    Why {
        /// The card's bytes in hexadecimal, as `doorward read` shows them: 04A1B2C3 or 04:A1:B2:C3
        #[arg(required_unless_present_any = ["user", "event"], value_parser = uid)]
        uid: Option<RawId>,
        /// Each of this user's cards instead
        #[arg(long, value_name = "ID", conflicts_with = "uid", value_parser = Key::new)]
        user: Option<Key>,
        /// The card of this event, as `query events` numbers it, at its door and at its time
        #[arg(long, value_name = "N", conflicts_with_all = ["uid", "user", "door", "at"])]
        event: Option<u64>,
        /// The door's key
        #[arg(required_unless_present = "event", value_parser = Key::new)]
        door: Option<Key>,
        /// How it is asked
        #[command(flatten)]
        how: How,
    },
    /// Who may pass this door? Ends with 0 if anybody, 1 if nobody
    Who {
        /// The door's key
        #[arg(value_parser = Key::new)]
        door: Key,
        /// How it is asked
        #[command(flatten)]
        how: How,
        /// Most cards shown
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ANSWER_LINES_MAX)))]
        limit: u32,
    },
    /// Which doors do this user's cards open? Ends with 0 if any, 1 if none
    Where {
        /// The user's key
        #[arg(value_parser = Key::new)]
        user: Key,
        /// How it is asked
        #[command(flatten)]
        how: How,
        /// Most doors shown
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ANSWER_LINES_MAX)))]
        limit: u32,
    },
    /// What begins and ends soon: windows of tokens and assignments, schedules of doors
    Next {
        /// How far ahead
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=i64::from(HOURS_MAX)))]
        hours: u32,
        /// JSON for programs
        #[arg(long)]
        json: bool,
        /// Most edges shown
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ANSWER_LINES_MAX)))]
        limit: u32,
    },
    /// Show where the mirror and the export stand; works with the daemon running or stopped
    Status {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Show what the export has to do, and order something of it
    Export {
        /// What to do
        #[command(subcommand)]
        verb: ExportVerb,
    },
    /// Check the wiring of the board's lines, with the gateway stopped
    Board {
        /// A board file, instead of that of the configuration
        #[arg(long, global = true, value_name = "FILE")]
        board: Option<PathBuf>,
        /// What to do
        #[command(subcommand)]
        verb: BoardVerb,
    },
    /// Make a card known: tap it at a reader, take it away, tap it once more. Ctrl-C calls it off
    Enroll {
        /// Who is to hold it
        #[arg(long, value_name = "ID", value_parser = Key::new)]
        user: Key,
        /// What it is: card, temporary_card, virtual_smart_card, mobile_id or soft_token
        #[arg(long, default_value = "card", value_parser = token_kind)]
        kind: TokenKind,
        /// At which reader; may be left out where there is one
        #[arg(long, value_name = "NAME")]
        reader: Option<String>,
        /// How long to wait for the card, e.g. 30s or 2m: 5 seconds to 5 minutes
        #[arg(long, default_value = "30s", value_parser = seconds)]
        timeout: u32,
        /// One tap is enough: a card with a random UID is not noticed then
        #[arg(long)]
        single: bool,
        /// JSON lines for programs
        #[arg(long)]
        json: bool,
    },
    /// Take a token out of use here and now, with the network gone as well
    Token {
        /// What to do
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Shut this panel's doors, or open one to everyone for a time
    Door {
        /// What to do
        #[command(subcommand)]
        verb: DoorVerb,
    },
    /// Show how the clock stands, and whether windows open by it
    Clock {
        /// JSON for programs
        #[arg(long)]
        json: bool,
        /// Put its floor back instead
        #[command(subcommand)]
        verb: Option<ClockVerb>,
    },
    /// Show which card readers are there, and how those of the configuration are
    Readers {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Show each tap at the readers as it comes, until Ctrl-C
    Read {
        /// At this reader only
        #[arg(long, value_name = "NAME")]
        reader: Option<String>,
        /// Name the format of this number, which is printed on the card
        #[arg(long, value_name = "TEXT")]
        printed: Option<String>,
        /// JSON lines for programs
        #[arg(long)]
        json: bool,
    },
    /// The process that holds one reader; started by the gateway alone
    #[command(hide = true)]
    ReaderChild,
    /// Write what somebody needs to help into a new folder, without secrets, names, cards and PINs
    Diag {
        /// The folder; it must not be there yet
        folder: PathBuf,
    },
    /// Write what another panel needs to take this one's place into one file; also while the gateway runs
    Backup(BackupArgs),
    /// Take the place of a panel that was backed up, with the gateway stopped
    Restore(RestoreArgs),
    /// Look at all that the gateway rests on, and say what to do about what is wrong; exit 1 if a check has failed
    Doctor {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Compute every digest again from the rows, and compare with the source's last word
    Verify {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
}
