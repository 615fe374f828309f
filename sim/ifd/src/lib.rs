//! A smart-card reader that exists only in tests: the driver that a private pcscd loads (an IFD handler, version 3, as
//! pcsc-lite's `ifdhandler.h` describes it). `DEVICENAME` in pcscd's reader file is the socket of the test that plays
//! the hardware; insertion and removal are pushed, so nothing polls.
//!
//! Each message on the socket is a big-endian `u16` length, one byte that says what it is, and the rest:
//!
//! | driver asks | test answers | what |
//! |---|---|---|
//! | `P` | `p` ATR | power up or reset; no ATR: the card is mute |
//! | `X` APDU | `x` answer | transmit; no answer: the card is gone |
//! | `C` command | `c` answer | escape command; no answer: refused |
//! | `S` | `s` text | serial number |
//! | | `I` / `O` / `D` | a card is in / out / the reader itself is gone |
//!
//! Not here: cards, which live in the test (`doorward_sim::readers`).

mod device;
pub mod entry;

pub use device::{Device, Event};
