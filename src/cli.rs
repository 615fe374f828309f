//! The command line.

use crate::board::Role;
use crate::service::answering::next::HOURS_MAX;
use crate::service::answering::who::LINES_MAX as ANSWER_LINES_MAX;
use crate::service::planning::{LINES_DEFAULT, LINES_MAX};
use access::id::Key;
use access::time::UtcTime;
use access::token::TokenKind;
use access::uid::RawId;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use std::path::PathBuf;

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

/// What `door` does. The daemon does it, tells the source, and notes it in the audit.
#[derive(Subcommand, Debug)]
pub enum DoorVerb {
    /// Let nobody pass at this panel any more, until `end-lockdown`; the way out stays open
    Lockdown {
        /// But by entitlements of this class; may be given several times
        #[arg(long, value_name = "CLASS")]
        exempt: Vec<String>,
    },
    /// End the lockdown
    EndLockdown,
    /// Open a door to everyone for a time
    Unlock {
        /// The door's key
        #[arg(value_parser = Key::new)]
        door: Key,
        /// For how long, e.g. 30s, 10m or 2h; at most 24h
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        time: u32,
    },
    /// Lock it again before its time
    Lock {
        /// The door's key
        #[arg(value_parser = Key::new)]
        door: Key,
    },
}

/// Longest pulse of an output: long enough to walk to the door.
const PULSE_MAX_MS: u32 = 10_000;

/// What `board` does. In service only `run` moves an output.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum BoardVerb {
    /// Compare the board's file with the chips of this machine; exit 1 if a line cannot be used as it is
    Check,
    /// Show what happens at the inputs, until Ctrl-C; moves nothing
    Watch {
        /// JSON lines for programs
        #[arg(long)]
        json: bool,
    },
    /// Move an output for a moment, then put it at rest
    Pulse {
        /// Which one: strike, green_led, red_led or buzzer
        #[arg(value_name = "LINE", value_parser = output_role)]
        role: Role,
        /// Of this door, where the board has several
        #[arg(long, value_name = "KEY")]
        door: Option<String>,
        /// For how many milliseconds: 1 to 10000
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(PULSE_MAX_MS)))]
        ms: u32,
        /// Yes, the lock of the door may open
        #[arg(long)]
        yes: bool,
    },
    /// Put every output at rest; the service's unit calls it whenever the gateway has ended
    Rest,
}

/// What `clock` does.
#[derive(Subcommand, Debug)]
pub enum ClockVerb {
    /// Put the floor back, where a lying time server has raised it: until then nothing opens by a right clock
    ResetFloor {
        /// To this instant; to the release of this program if left out
        #[arg(long, value_name = "TIME", value_parser = UtcTime::parse)]
        to: Option<UtcTime>,
    },
}

/// How a question about passing is asked.
#[derive(Args, Clone, Copy, Debug)]
pub struct How {
    /// At this instant instead of now, e.g. 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub at: Option<UtcTime>,
    /// JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// What `token` does. The daemon does it.
#[derive(Subcommand, Debug)]
pub enum TokenVerb {
    /// Revoke a card at this panel, and tell the source; it stays so until the source settles it
    Revoke {
        /// The card's bytes in hexadecimal, as `doorward read` shows them: 04A1B2C3 or 04:A1:B2:C3
        #[arg(required_unless_present = "token")]
        uid: Option<String>,
        /// One token by its key instead
        #[arg(long, value_name = "KEY", conflicts_with = "uid")]
        token: Option<String>,
    },
}

/// What `export` does. The daemon exports by itself; orders go to it over its socket.
#[derive(Subcommand, Debug)]
pub enum ExportVerb {
    /// Show what is to be added (+), changed (~) and removed (-), why, and why it waits; sends nothing
    Plan {
        /// JSON lines for programs, the sums last
        #[arg(long)]
        json: bool,
        /// Most items shown; the rest is counted
        #[arg(long, default_value_t = LINES_DEFAULT, value_parser = clap::value_parser!(u32).range(..=i64::from(LINES_MAX)))]
        limit: u32,
        /// Plan for everyone, also for those to whom nothing has happened since they were found at rest
        #[arg(long)]
        everyone: bool,
    },
    /// Look at everyone again now
    Apply,
    /// Show where the export stands: what is held, what is found, what the PACS refuses
    Status {
        /// JSON for programs
        #[arg(long)]
        json: bool,
    },
    /// Let through what is held, if it is still what the hash names
    Approve {
        /// The hash that `plan` or `status` shows
        hash: String,
    },
    /// Try again at once what has failed or was refused
    Retry {
        /// Of this user only
        user: Option<String>,
        /// Of this item of the user only: person, a token's key, or an entitlement's pacs_ref
        item: Option<String>,
    },
}

/// What `query` shows.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Users,
    Tokens,
    Entitlements,
    Assignments,
    Schedules,
    Doors,
    Events,
    Refused,
    Audit,
}

/// As a token's record spells it.
fn token_kind(text: &str) -> Result<TokenKind, String> {
    let kinds = "card, temporary_card, virtual_smart_card, mobile_id or soft_token";
    TokenKind::deserialize(text.into_deserializer()).map_err(|_: ValueError| format!("write {kinds}"))
}

/// As a board's file spells it.
fn output_role(text: &str) -> Result<Role, String> {
    let roles = "strike, green_led, red_led or buzzer";
    Role::deserialize(text.into_deserializer()).map_err(|_: ValueError| format!("write {roles}"))
}

/// As readers show it, or with separators.
fn uid(text: &str) -> Result<RawId, &'static str> {
    let plain: String = text.chars().filter(|c| !matches!(c, ':' | '-' | ' ')).collect();
    RawId::from_hex(&plain)
}

/// An instant with its zone.
fn instant(text: &str) -> Result<UtcTime, &'static str> {
    UtcTime::parse_any(text).ok_or("write it like 2026-11-23T08:00:00Z or 2026-11-23T09:00:00+01:00")
}

/// `30s`, `2m`, `1h`, or seconds.
fn seconds(text: &str) -> Result<u32, String> {
    let (number, unit_s) = match (text.strip_suffix('h'), text.strip_suffix('m')) {
        (Some(hours), _) => (hours, 3_600),
        (None, Some(minutes)) => (minutes, 60),
        (None, None) => (text.strip_suffix('s').unwrap_or(text), 1),
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_s));
    seconds.ok_or_else(|| "write it like 30s, 2m or 1h".into())
}
