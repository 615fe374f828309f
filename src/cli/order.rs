//! Orders that the daemon carries out: `doorward door`, `token`, `clock`.

use super::value::seconds;
use access::id::Key;
use access::time::UtcTime;
use clap::Subcommand;
use std::path::PathBuf;

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

/// What `clock` does.
#[derive(Subcommand, Debug)]
pub enum ClockVerb {
    /// Put the floor back, where a lying time server has raised it: until then nothing opens by a right clock
    ResetFloor {
        /// To this instant; to the release of this program if left out
        #[arg(long, value_name = "TIME", value_parser = UtcTime::parse)]
        to: Option<UtcTime>,
    },
    /// Write to a file, every second, whether the kernel holds its clock to be right: for a gateway that may not ask
    #[command(hide = true)]
    Relay {
        /// The file
        file: PathBuf,
    },
}
