//! An enrolled token is followed until the PACS has it, for whoever asked for it and waits.
//!
//! Not here: bringing it there (`exporting`), where it stands (`planning`).

use super::machine::{InPacs, Step};
use crate::clock::Wake;
use crate::config::Config;
use crate::service::notices::Notices;
use crate::service::planning::token::{Stand, stand};
use crate::service::planning::{Moment, Planner};
use crate::service::status::{self, Live};
use crate::service::timekeeping::Timekeeper;
use access::id::Key;
use rusqlite::Connection;
use std::rc::Rc;
use std::sync::Arc;

/// A token is followed for so long, in seconds; after that the export goes on without anyone watching.
pub const FOLLOWED_MAX_S: u64 = 10;

/// What it takes to see where a token stands.
pub struct Following {
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The configuration.
    pub config: Arc<Config>,
    /// To plan with; none when no PACS is configured.
    pub planner: Option<Planner>,
    /// The time.
    pub time: Timekeeper,
    /// What tells of changes.
    pub notices: Notices,
}

impl Following {
    /// Waits until the PACS has `token`, or it is known that it will not, or for [`FOLLOWED_MAX_S`].
    pub(super) async fn follow(&self, user: &Key, token: &Key) -> Step {
        let mut level = self.notices.watch();
        let until = self.time.mono().after_ms(FOLLOWED_MAX_S * 1_000);
        loop {
            // Before the look, so that what changes during it is looked at as well.
            level.mark_unchanged();
            let found = self.look(user, token).unwrap_or_else(|error| {
                Stand::Coming(Some(format!("the mirror cannot be read: {error}; try `doorward verify`")))
            });
            let Stand::Coming(words) = &found else { return said(found) };
            if self.time.mono() >= until {
                return late(words.as_deref());
            }
            tokio::select! {
                changed = level.changed() => if changed.is_err() { return late(words.as_deref()) },
                () = self.time.clock().wait(Wake { wall: None, mono: Some(until) }) => {}
            }
        }
    }

    fn look(&self, user: &Key, token: &Key) -> rusqlite::Result<Stand> {
        let live = Live::of(&self.notices);
        let status = status::export_status(&self.conn, &self.config, Some(live))?;
        let moment = Moment { time: self.time.time(), mono: Some(self.time.mono()) };
        match &self.planner {
            Some(planner) => stand(&self.conn, planner, &status, &moment, (user, token)),
            None => Ok(Stand::Elsewhere(match status.exporter {
                Some(exporter) => format!("{exporter} exports"),
                None => "this panel has no PACS".into(),
            })),
        }
    }
}

fn said(found: Stand) -> Step {
    let (outcome, words) = match found {
        Stand::Has => (InPacs::Has, "the PACS has the token".into()),
        Stand::Held(words) => (InPacs::Held, words),
        Stand::NotWanted(words) => (InPacs::NotWanted, format!("the PACS is not to have it: {words}")),
        Stand::Elsewhere(words) => (InPacs::Elsewhere, words),
        Stand::Coming(words) => return late(words.as_deref()),
    };
    Step::Pacs { outcome, words }
}

fn late(why: Option<&str>) -> Step {
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let words = format!(
        "the PACS does not have the token after {FOLLOWED_MAX_S} s{why}; the export goes on trying: look at `doorward \
         export plan`"
    );
    Step::Pacs { outcome: InPacs::Late, words }
}
