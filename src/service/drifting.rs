//! Reads the PACS back: every row of the ledger once in `pacs.drift_s`, spread evenly, those that are gone included.
//!
//! A hand in the PACS, or a PACS that was restored from a backup, shows in a look-up; what follows is the export's
//! work as ever. Nothing is compared here: users are marked, and the export looks them up when their turn comes.
//!
//! - `strangers`: persons that carry our prefix and that are nobody's here
//!
//! Not here: looking up and repairing (`exporting`), and APIs that cannot be asked.

mod strangers;

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::ledger;
use crate::export::pacs::Adapter;
use crate::mirror::touched::{Haste, Touched};
use crate::mirror::{Urgency, Writer, standing};
use access::id::Key;
use access::time::UtcTime;
use rusqlite::Connection;
use std::rc::Rc;

/// Users marked at a time.
const PAGE_USERS: u32 = 16;
/// No faster than a page in this time, however small the site.
const PAUSE_MIN_MS: u64 = 1_000;
/// What has been gone for so many days is remembered no longer.
const REMEMBERED_DAYS: i64 = 90;
/// A search for strangers that was cut short is begun again after this.
const SEARCH_RETRY_MS: u64 = 60_000;

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
    /// Put before the user's id.
    pub prefix: String,
    /// Milliseconds in which everything is read once.
    pub every_ms: u64,
}

impl Drifting {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        loop {
            self.search_after_a_start_without_a_ledger().await;
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
                self.search().await;
            }
        }
    }

    async fn search(&self) {
        if let Err(error) = self.look_for_strangers().await {
            tracing::warn!(%error, "the PACS cannot be searched for persons that are nobody's here");
        }
    }

    /// Whoever had access on account of another exporter is not to have it for a day longer than need be.
    async fn search_after_a_start_without_a_ledger(&self) {
        while !self.may_ask() || ledger::role::wants_sweep(&self.conn).unwrap_or(false) {
            if self.may_ask() && self.is_whole() {
                self.search().await;
            }
            let mono = Some(self.time.mono().after_ms(SEARCH_RETRY_MS));
            let mut level = self.notices.watch();
            level.borrow_and_update();
            tokio::select! {
                () = self.time.clock().wait(Wake { wall: None, mono }) => {}
                _ = level.changed(), if !self.may_ask() || !self.is_whole() => {}
            }
        }
    }

    /// Whom the mirror does not know yet is not nobody's.
    fn is_whole(&self) -> bool {
        standing::standing(&self.conn).is_ok_and(|standing| standing.whole)
    }

    async fn pause(&self, ms: u64) {
        let until = self.time.mono().after_ms(ms);
        // A step of the wall clock ends a wait early.
        while self.time.mono() < until {
            self.time.clock().wait(Wake { wall: None, mono: Some(until) }).await;
        }
    }

    fn may_ask(&self) -> bool {
        let standing = ledger::role::standing(&self.conn);
        self.notices.is_pacs_known() && standing.is_ok_and(|standing| standing.may_send())
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
}
