//! One verb a file. Here errors become sentences for people (`anyhow`), and only here.

mod answer;
pub mod backup;
pub mod board;
pub mod check;
mod client;
pub mod clock;
pub mod diag;
pub mod doctor;
pub mod door;
pub mod enroll;
pub mod export;
pub mod init;
pub mod next;
pub mod query;
pub mod read;
pub mod readers;
pub mod restore;
pub mod run;
pub mod status;
mod table;
pub mod token;
pub mod verify;
pub mod who;
pub mod why;
