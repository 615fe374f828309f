//! Card readers, from the card to the event: real drivers and a real pcscd over hardware that exists only here.

mod commands;
pub(crate) mod desk;

mod libnfc;
mod measure;
mod osdp;
mod own_program;
mod pcsc;
mod pcsc_trouble;
mod rival;
