//! `doorward board`.

use crate::board::Role;
use clap::Subcommand;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

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

/// As a board's file spells it.
fn output_role(text: &str) -> Result<Role, String> {
    let roles = "strike, green_led, red_led or buzzer";
    Role::deserialize(text.into_deserializer()).map_err(|_: ValueError| format!("write {roles}"))
}
