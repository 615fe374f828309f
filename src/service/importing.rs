//! Asks the PACS at start and on a schedule which entitlements it defines, and reports them to the source.
//!
//! The first import of a run is also the proof that base URL, login and profile belong to this PACS: until then
//! nothing is sent, since to a removal "not found" means "gone", whoever says so. A list that lacks most of what
//! the PACS used to define is no such proof.
//!
//! Not here: creating entitlements; they are defined in the PACS alone.

mod decide;
#[cfg(test)]
mod tests;

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::ledger::role;
use crate::export::pacs::Adapter;
use crate::mirror::entitlements::{self, Known};
use crate::mirror::touched::Touched;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, Writer, due, outbox};
use access::time::UtcTime;
use contract::messages::{Event, PacsEntitlement};
use decide::{Changes, Decision, Verdict, decide};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::rc::Rc;

/// After a failed import, and while another gateway exports. Nothing is sent before the first import of a run
/// has succeeded, so this bounds how late the export follows a PACS that comes back.
const RETRY_MS: u64 = 5_000;
/// After a first import that looked like an accident: nothing is sent until another one has said the same.
const SUSPECT_RETRY_MS: u64 = 60_000;
/// Entitlements in one event, so that it stays far below the message limit.
const PAGE_ENTITLEMENTS: usize = 100;

/// Imports entitlements.
pub struct Importing {
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
    /// Which sorts are imported.
    pub types: Vec<String>,
    /// Milliseconds between two imports.
    pub every_ms: u64,
}

impl Importing {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        let mut level = self.notices.watch();
        loop {
            let is_exporter = self.is_exporter();
            let wait_ms = if is_exporter { self.import().await } else { RETRY_MS };
            let mono = Some(self.time.mono().after_ms(wait_ms));
            let waited = self.time.clock().wait(Wake { wall: None, mono });
            tokio::pin!(waited);
            loop {
                tokio::select! {
                    () = &mut waited => break,
                    // The first word of the source may make this gateway the exporter.
                    changed = level.changed(), if !is_exporter => {
                        if changed.is_err() { return }
                        if self.is_exporter() { break }
                    }
                }
            }
        }
    }

    fn is_exporter(&self) -> bool {
        role::standing(&self.conn).is_ok_and(|standing| standing.may_send())
    }

    /// Imports once; returns the milliseconds until the next time.
    async fn import(&self) -> u64 {
        let found = match self.pacs.entitlements(&self.types).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "entitlements cannot be imported; trying again");
                self.notices.pacs_reachable(false);
                return RETRY_MS;
            }
        };
        self.notices.pacs_reachable(true);
        let (count, types) = (found.len(), self.types.clone());
        // Looked at before it is written: revocations must not wait for room on the disk.
        match decision(&self.conn, &found, &types, self.time.time().now) {
            Ok((_, Decision { verdict: Verdict::Unchanged | Verdict::Changed(_), .. })) => {
                self.notices.pacs_is_known();
            }
            Ok((_, Decision { verdict: Verdict::Suspect { .. }, .. })) => {}
            Err(error) => {
                tracing::error!(%error, "the mirror cannot be read; importing again");
                return RETRY_MS;
            }
        }
        let written = self.writer.run(Urgency::Normal, move |context| store(context, &found, &types));
        match written.await {
            Ok(verdict) => self.tell(count, &verdict),
            Err(error) => {
                tracing::error!(%error, "imported entitlements cannot be kept; trying again");
                RETRY_MS
            }
        }
    }

    /// Tells everyone; returns the milliseconds until the next import.
    fn tell(&self, count: usize, verdict: &Verdict) -> u64 {
        match verdict {
            Verdict::Unchanged => tracing::info!(count, "entitlements imported from the PACS: as before"),
            Verdict::Changed(changes) => {
                let Changes { added, renamed, vanished, .. } = changes;
                let (added, renamed, gone) = (added.len(), renamed.len(), vanished.len());
                tracing::info!(count, added, renamed, vanished = gone, "entitlements imported from the PACS");
                self.notices.events();
                self.notices.touched(Touched::Everyone);
            }
            Verdict::Suspect { missing, of, is_news } => {
                if *is_news {
                    tracing::warn!(
                        "the PACS lists {missing} of {of} entitlements no longer, which looks like an accident: \
                         the old list stays until the next import says the same. Put them back in the PACS, or \
                         correct its login's rights, if they should be there"
                    );
                }
                if !self.notices.is_pacs_known() {
                    return self.every_ms.min(SUSPECT_RETRY_MS);
                }
            }
        }
        self.every_ms
    }
}

/// What is remembered, and what `found` makes of it.
fn decision(
    conn: &Connection,
    found: &[PacsEntitlement],
    types: &[String],
    now: UtcTime,
) -> rusqlite::Result<(Vec<Known>, Decision)> {
    let known = entitlements::known(conn)?;
    let listed: BTreeSet<&str> = found.iter().map(|found| found.pacs_ref.as_str()).collect();
    let is_listed = |known: &Known| listed.contains(known.entitlement.pacs_ref.as_str());
    // Only what has vanished needs the walk over the assignments.
    let assigned = if known.iter().all(is_listed) { None } else { entitlements::assigned(conn)? };
    let decision = decide(&known, found, types, assigned.as_ref(), now);
    Ok((known, decision))
}

/// Keeps what was found, and reports it if it differs from the last import.
fn store(context: Context<'_>, found: &[PacsEntitlement], types: &[String]) -> rusqlite::Result<Verdict> {
    let Context { conn, now, .. } = context;
    let (known, Decision { after, verdict }) = decision(conn, found, types, now)?;
    entitlements::save(conn, &known, &after)?;
    if let Verdict::Changed(changes) = &verdict {
        due::add(conn, &Touched::Everyone)?;
        report_list(context, &after)?;
        if !changes.is_first {
            pages(changes, now).iter().try_for_each(|event| outbox::push(conn, now, event))?;
        }
    }
    Ok(verdict)
}

/// All that the PACS defines now.
fn report_list(context: Context<'_>, after: &[Known]) -> rusqlite::Result<()> {
    let Context { conn, now, .. } = context;
    let defined = after.iter().filter(|known| known.vanished_at.is_none());
    let entitlements: Vec<PacsEntitlement> = defined.map(|known| known.entitlement.clone()).collect();
    let pages: Vec<&[PacsEntitlement]> =
        if entitlements.is_empty() { vec![&[]] } else { entitlements.chunks(PAGE_ENTITLEMENTS).collect() };
    for (at, page) in pages.iter().enumerate() {
        let complete = at + 1 == pages.len();
        let event = Event::PacsEntitlements { import: now, entitlements: page.to_vec(), complete };
        outbox::push(conn, now, &event)?;
    }
    Ok(())
}

/// The changes as events of at most [`PAGE_ENTITLEMENTS`]; none when only a sort has changed.
fn pages(changes: &Changes, import: UtcTime) -> Vec<Event> {
    let mut rest = changes.clone();
    let mut pages = Vec::new();
    loop {
        let mut room = PAGE_ENTITLEMENTS;
        let added = take(&mut rest.added, &mut room);
        let renamed = take(&mut rest.renamed, &mut room);
        let vanished = take(&mut rest.vanished, &mut room);
        if room == PAGE_ENTITLEMENTS {
            return pages;
        }
        let complete = rest.added.is_empty() && rest.renamed.is_empty() && rest.vanished.is_empty();
        pages.push(Event::EntitlementsChanged { import, added, renamed, vanished, complete });
    }
}

/// The first of `all`, as many as there is `room` for.
fn take<T>(all: &mut Vec<T>, room: &mut usize) -> Vec<T> {
    let count = all.len().min(*room);
    *room -= count;
    all.drain(..count).collect()
}
