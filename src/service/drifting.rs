//! Reads the PACS back: every row of the ledger once in `pacs.drift_s`, spread evenly, those that are gone included.
//!
//! A hand in the PACS, or a PACS that was restored from a backup, shows in a look-up; what follows is the export's
//! work as ever. Nothing is compared here: users are marked, and the export looks them up when their turn comes.
//!
//! Persons that carry our prefix and that the ledger does not know are named, and left alone.
//!
//! Not here: looking up and repairing (`exporting`), and APIs that cannot be asked.

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::ledger;
use crate::export::pacs::{Adapter, PacsError};
use crate::mirror::touched::{Haste, Touched};
use crate::mirror::{Urgency, Writer, standing};
use access::id::Key;
use access::time::UtcTime;
use contract::id::GatewayId;
use rusqlite::Connection;
use std::rc::Rc;

/// Users marked at a time.
const PAGE_USERS: u32 = 16;
/// No faster than a page in this time, however small the site.
const PAUSE_MIN_MS: u64 = 1_000;
/// What has been gone for so many days is remembered no longer.
const REMEMBERED_DAYS: i64 = 90;
/// Pages of the PACS's persons that are read in one round.
const LIST_PAGES_MAX: u32 = 10_000;
/// Strangers that are named in the log.
const STRANGERS_NAMED_MAX: usize = 5;

/// Reads the PACS back.
pub struct Drifting {
    /// To write.
    pub writer: Writer,
    /// To read; read-only.
    pub conn: Rc<Connection>,
    /// The time.
    pub time: Timekeeper,
    /// Whom to tell.
    pub notices: Notices,
    /// The PACS.
    pub pacs: Rc<dyn Adapter>,
    /// This panel.
    pub gateway: GatewayId,
    /// Put before the user's id.
    pub prefix: String,
    /// Milliseconds in which everything is read once.
    pub every_ms: u64,
}

impl Drifting {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        loop {
            let pages = match ledger::whose::count(&self.conn) {
                Ok(users) => users.div_ceil(u64::from(PAGE_USERS)).max(1),
                Err(error) => {
                    tracing::error!(%error, "the ledger cannot be counted");
                    1
                }
            };
            let pause_ms = (self.every_ms / pages).max(PAUSE_MIN_MS.min(self.every_ms.max(1)));
            let mut after: Option<Key> = None;
            loop {
                self.pause(pause_ms).await;
                match self.page(after.as_ref()).await {
                    Some(last) => after = Some(last),
                    None => break,
                }
            }
            if self.may_ask() {
                self.forget_the_old().await;
                if let Err(error) = self.look_for_strangers().await {
                    tracing::warn!(%error, "the PACS's list of persons cannot be read");
                }
            }
        }
    }

    async fn pause(&self, ms: u64) {
        let until = self.time.mono().after_ms(ms);
        // A step of the wall clock ends a wait early.
        while self.time.mono() < until {
            self.time.clock().wait(Wake { wall: None, mono: Some(until) }).await;
        }
    }

    fn may_ask(&self) -> bool {
        let exporter = standing::exporter(&self.conn).ok().flatten();
        self.notices.is_pacs_known() && exporter.as_deref() == Some(self.gateway.as_str())
    }

    /// Marks one page of users; the last of them, or none after the end.
    async fn page(&self, after: Option<&Key>) -> Option<Key> {
        if !self.may_ask() {
            return None;
        }
        let users = ledger::whose::users(&self.conn, after, PAGE_USERS).unwrap_or_default();
        let last = users.last().cloned()?;
        let now = self.time.mono();
        let marked = users.clone();
        let written = self.writer.run(Urgency::Normal, move |context| {
            marked.iter().try_for_each(|user| Ok(ledger::mark_for_check(context.conn, user, now)?))
        });
        if let Err(error) = written.await {
            tracing::debug!(%error, "not read back this time");
        }
        let mut touched = Touched::nobody();
        users.iter().for_each(|user| touched.add(user.to_string(), Haste::InTurn));
        self.notices.touched(touched);
        Some(last)
    }

    async fn forget_the_old(&self) {
        let now = self.time.time();
        let before = UtcTime::from_unix(now.floor.unix() - REMEMBERED_DAYS * 86_400);
        let forgotten =
            self.writer.run(Urgency::Normal, move |context| Ok(ledger::forget_before(context.conn, before)?));
        match forgotten.await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "rows of who has long been gone are forgotten"),
            Err(error) => tracing::debug!(%error, "nothing is forgotten this time"),
        }
    }

    /// Persons under our prefix that are nobody's here: somebody made them, or a backup has brought them back from
    /// longer ago than the ledger remembers.
    async fn look_for_strangers(&self) -> Result<(), PacsError> {
        let mut after: Option<String> = None;
        let (mut strangers, mut named) = (0_u64, Vec::new());
        for _ in 0..LIST_PAGES_MAX {
            let Some(page) = self.pacs.persons(after.as_deref()).await? else { return Ok(()) };
            for person in &page.persons {
                let user = person.ext_id.strip_prefix(&self.prefix).and_then(|user| Key::new(user).ok());
                let Some(user) = user.filter(|user| !self.is_known(user)) else { continue };
                strangers += 1;
                if named.len() < STRANGERS_NAMED_MAX {
                    named.push(format!("{} ({})", person.ext_id, user));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.notices.strangers(strangers);
        if strangers > 0 {
            let named = named.join(", ");
            tracing::warn!(
                strangers,
                named,
                "persons in the PACS carry our prefix and are not in the ledger: remove them there, or publish \
                 their users so that they can be taken over"
            );
        }
        Ok(())
    }

    fn is_known(&self, user: &Key) -> bool {
        ledger::load(&self.conn, user).map_or(true, |rows| rows.iter().any(|row| row.is_person()))
    }
}
