//! The command line.

use access::id::Key;
use access::text::Text;
use access::time::UtcTime;
use clap::{Parser, Subcommand};
use contract::command::Command;
use contract::id::GatewayId;
use doorward_source::store::batch::BATCH_DEFAULT;
use std::path::PathBuf;

/// Publishes a site's users, tokens and entitlements to its gateways.
#[derive(Debug, Parser)]
#[command(name = "doorward-source", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The source's file; without it, what the settings name
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) db: Option<PathBuf>,
    /// The settings; without it, source.toml in this directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Verb {
    /// Whether a program reads what is printed.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Verb::Import { json, .. }
            | Verb::Show { json, .. }
            | Verb::Status { json }
            | Verb::Events { json, .. }
            | Verb::Doctor { json } => *json,
            Verb::Serve { .. }
            | Verb::Set { .. }
            | Verb::Delete { .. }
            | Verb::Resync { .. }
            | Verb::Approve { .. }
            | Verb::Retry { .. }
            | Verb::SettleEnrollment { .. }
            | Verb::SettleRevocation { .. }
            | Verb::Door { .. }
            | Verb::TakeOver { .. }
            | Verb::Checkpoint => false,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Publish to the broker, until SIGTERM or SIGINT
    Serve {
        /// Written once connected, subscribed and the first checkpoint is acknowledged
        #[arg(long, value_name = "FILE")]
        ready_file: Option<PathBuf>,
    },
    /// Take users from .csv and changes from .jsonl: all lines are good, or nothing is taken
    ///
    /// Importing adds and changes; only a line that says so deletes. A line may name its
    /// `site`: lines for another site than this file's are left out.
    #[command(verbatim_doc_comment)]
    Import {
        /// In this order; all are checked before the first is taken
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Changes in one message, at most
        #[arg(long, default_value_t = BATCH_DEFAULT)]
        batch: usize,
        /// Only say what would be added (+), changed (~) and removed (-); PINs are not shown
        #[arg(long)]
        dry_run: bool,
        /// One JSON object
        #[arg(long)]
        json: bool,
        /// Publish also what gateways will refuse, if it has a canonical form
        #[arg(long, hide = true)]
        unchecked: bool,
    },
    /// Set one record
    Set {
        /// user, token, entitlement, assignment, schedule or door
        kind: String,
        /// 1 to 64 of A-Z a-z 0-9 . _ @ : + -
        key: String,
        /// The record, or - to read it from the standard input
        json: String,
    },
    /// Delete one record
    Delete {
        /// As for `set`
        kind: String,
        /// As for `set`
        key: String,
    },
    /// Show records
    Show {
        /// Of this kind only
        kind: Option<String>,
        /// This one only
        key: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// With PINs
        #[arg(long)]
        secrets: bool,
    },
    /// Show where the stream stands, and the gateways
    Status {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show events received from gateways
    Events {
        /// The newest ones, at most
        #[arg(long, default_value_t = 1000)]
        limit: u64,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Ask a gateway to compare its whole mirror with this file now, within 300 seconds
    Resync {
        /// The gateway's id
        gateway: GatewayId,
    },
    /// Let a gateway's export go on with what it holds, and show what came of it
    ///
    /// Its state names what is held, and the hash. Exit code 1 if it is refused, for instance because something
    /// else is held by now, or if there is no answer.
    #[command(verbatim_doc_comment)]
    Approve {
        /// The gateway that exports
        #[arg(long, value_name = "ID")]
        gateway: GatewayId,
        /// Names exactly what is let through
        hash: String,
    },
    /// Have a gateway's export try again at once what failed or was refused, and show what came of it
    Retry {
        /// The gateway that exports
        #[arg(long, value_name = "ID")]
        gateway: GatewayId,
        /// Of this user only
        #[arg(value_parser = Key::new)]
        user: Option<Key>,
        /// Of this item of the user only: person, a token's key, or an entitlement's pacs_ref
        item: Option<String>,
    },
    /// Settle a card that was enrolled at a panel: publish its token, or have the panel forget it
    ///
    /// `events` shows it. With `enrollments = "accept"` in the settings `serve` does this by itself.
    #[command(verbatim_doc_comment)]
    SettleEnrollment {
        /// The gateway at which it was enrolled
        #[arg(long, value_name = "ID")]
        gateway: GatewayId,
        /// The token's key, as the event names it
        #[arg(value_parser = Key::new)]
        token: Key,
        /// Publish it under this key of yours
        #[arg(long, value_name = "KEY", value_parser = Key::new, conflicts_with = "refuse")]
        to: Option<Key>,
        /// Refuse it, for this reason
        #[arg(long, value_name = "WORDS")]
        refuse: Option<String>,
    },
    /// Settle a token that was revoked at a panel: from now on its record here decides there again
    ///
    /// Correct the record first (`set token ...` with the status REVOKED, or another card): the panel has told by an
    /// event what it has taken out of use. Exit code 1 if it is not revoked there, or if there is no answer.
    #[command(verbatim_doc_comment)]
    SettleRevocation {
        /// The gateway at which it was revoked
        #[arg(long, value_name = "ID")]
        gateway: GatewayId,
        /// The token's key
        #[arg(value_parser = Key::new)]
        token: Key,
    },
    /// Order something of a panel's doors, and show what came of it
    Door {
        /// The panel
        #[arg(long, value_name = "ID")]
        gateway: GatewayId,
        /// What
        #[command(subcommand)]
        verb: DoorVerb,
    },
    /// Say that the gateway which exported before is dead: the one in the settings exports without its ledger
    ///
    /// Without this word the new exporter waits for the old one's ledger. With it, it finds the old one's persons in
    /// the PACS and asks for an approval before it takes them over; what the PACS does not show is made again. An old
    /// one that is not dead ends when it hears of this; until then both may export.
    #[command(verbatim_doc_comment)]
    TakeOver {
        /// The gateway that is to export, as a check that the right one is meant
        gateway: GatewayId,
    },
    /// Try what this login may do at the broker, and say what is refused and which rule allows it
    ///
    /// It publishes a checkpoint and `meta` as they stand, and probes on the topics of a gateway
    /// that has the login's own name. A `serve` that runs is not disturbed. A broker may grant
    /// a right and deliver nothing, so everything is listened for on a second connection.
    /// Exit code 1 if anything is refused.
    #[command(verbatim_doc_comment)]
    Doctor {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Publish a checkpoint, so that gateways prove their mirrors now
    Checkpoint,
}

/// What is ordered of a panel's doors.
#[derive(Subcommand, Debug)]
pub(crate) enum DoorVerb {
    /// Nobody passes there any more, until the lockdown is ended
    Lockdown {
        /// But by entitlements of this class; may be given several times
        #[arg(long, value_name = "CLASS", value_parser = class)]
        exempt: Vec<Text>,
    },
    /// The lockdown is over
    EndLockdown,
    /// A door is open to everyone for a time
    Unlock {
        /// The door's key
        #[arg(value_parser = Key::new)]
        door: Key,
        /// Until then, at most 24 hours from now, e.g. 2026-11-23T18:00:00Z
        #[arg(long, value_name = "TIME", value_parser = UtcTime::parse)]
        until: UtcTime,
    },
    /// It is locked again before that
    Lock {
        /// The door's key
        #[arg(value_parser = Key::new)]
        door: Key,
    },
}

fn class(text: &str) -> Result<Text, &'static str> {
    Text::try_from(text.to_owned())
}

impl From<DoorVerb> for Command {
    fn from(verb: DoorVerb) -> Command {
        match verb {
            DoorVerb::Lockdown { exempt } => Command::Lockdown { exempt },
            DoorVerb::EndLockdown => Command::LockdownEnd,
            DoorVerb::Unlock { door, until } => Command::DoorUnlock { door, until },
            DoorVerb::Lock { door } => Command::DoorLock { door },
        }
    }
}
