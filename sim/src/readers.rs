//! Card readers and cards that exist only in tests, each at the lowest level that a machine without hardware has: a
//! real pcscd with a driver of ours or vpcd's, a serial line with a chip's or a device's side of the talk.
//!
//! | module | what it plays |
//! |---|---|
//! | [`card`] | cards: what they answer |
//! | [`pcscd`] | a private pcscd, which can be killed and started again |
//! | [`hardware`] | a reader behind pcscd, by the driver in `sim/ifd` |
//! | [`vpcd`] | a card at vsmartcard's virtual reader |
//! | [`pty`] | a serial line whose cable can be pulled |
//! | [`pn532`] | a PN532 at its end |
//! | [`osdp`] | an OSDP reader at its end |
//!
//! Not here: radio, timing of real chips.

pub mod card;
pub mod hardware;
pub mod osdp;
pub mod pcscd;
pub mod pn532;
pub mod pty;
pub mod vpcd;
