//! Card readers, from the card to the event: real drivers and a real pcscd over hardware that exists only here.

mod commands;
mod desk;
mod helpers;
mod pcsc;
mod pcsc_trouble;
