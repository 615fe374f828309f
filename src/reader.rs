//! Card readers: one child process for each, the lines that it speaks, and whoever keeps it alive.
//!
//! Foreign C (PC/SC, libnfc, OSDP) runs in a child of the same binary, since it may crash, hang or leak: that costs the
//! child, and nobody else.
//!
//! - [`line`]: what parent and child say to each other; [`card`]: what a card says of itself; both pure
//! - [`presence`]: when a tap is one; pure
//! - [`child`]: the process that holds a reader; a driver a file: `pcsc`, `libnfc`, `osdp`
//! - [`supervisor`]: the parent's side; [`spec`]: what it is told of a reader
//! - [`inventory`]: which readers this machine has; [`pcscd`]: which version of its protocol its daemon speaks
//!
//! Not here: what a UID means (`access`), enrolling, doors.

pub mod card;
pub mod child;
pub mod inventory;
#[cfg(feature = "libnfc")]
mod libnfc;
pub mod line;
mod octets;
#[cfg(feature = "osdp")]
mod osdp;
#[cfg(feature = "pcsc")]
mod pcsc;
pub mod pcscd;
#[cfg(any(feature = "libnfc", feature = "osdp"))]
mod port;
pub mod presence;
pub mod spec;
pub mod supervisor;

pub use octets::Octets;
