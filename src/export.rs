//! What should be true in the PACS, and how it becomes true there.
//!
//! - [`item`], [`rows`]: the ledger's rows and the rules that move them: pure
//! - [`plan`], [`content`]: the difference between what is wanted and what the ledger knows: pure
//! - [`brake`]: how many removals by edit need nobody's approval: pure
//! - [`hand_over`]: how the export changes hands: pure
//! - [`holds`]: what waits for somebody's word, and the hash by which it is given: pure
//! - [`ledger`]: the rows in SQLite
//! - [`profile`]: what belongs to one PACS product: paths, bodies, capabilities
//! - [`http`], [`pacs`]: the requests themselves
//!
//! The loop is: load the rows, [`plan::plan`], commit [`rows::Rows::intend`], send, commit
//! [`rows::Rows::settle`], plan again. At most one step of a user is in flight.
//!
//! Not here: what is wanted (`access::person`), the mirror that it is computed from, and the loop itself
//! (`service`).

pub mod brake;
pub mod breaker;
pub mod content;
pub mod hand_over;
pub mod holds;
pub mod http;
pub mod item;
pub mod ledger;
#[cfg(test)]
mod model;
pub mod pacs;
pub mod plan;
pub mod profile;
pub mod rows;
mod switch;
