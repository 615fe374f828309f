//! The gateway of a door panel. This page is the map of the house; imports go downward only.
//!
//! - floor 0: the crates `access` (rules) and `contract` (wire), which do no IO
//! - floor 1: [`clock`], [`config`], [`tls`]; [`failpoint`] is nothing but a hook for tests
//! - floor 2: [`mirror`] (SQLite), [`feed`] (MQTT), [`export`] (PACS), [`board`] (outputs),
//!   [`reader`] (cards): IO, siblings that do not know each other
//! - floor 3: [`service`] joins the siblings
//! - floor 4: [`commands`], one verb a file
//!
//! `tests/it/tidy.rs` reads the sources and holds the floors.

pub mod board;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod export;
pub mod failpoint;
pub mod feed;
pub mod mirror;
pub mod reader;
pub mod service;
pub mod tls;
