//! Asks the PACS at start and on a schedule which entitlements it defines, and reports them to the source.
//!
//! The first import of a run is also the proof that base URL, login and profile belong to this PACS: until then
//! nothing is sent, since to a removal "not found" means "gone", whoever says so.
//!
//! Not here: creating entitlements; they are defined in the PACS alone.

use super::notices::Notices;
use super::timekeeping::Timekeeper;
use crate::clock::Wake;
use crate::export::pacs::rest::Rest;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, Writer, list, outbox, standing};
use contract::id::GatewayId;
use contract::messages::{Event, PacsEntitlement};
use rusqlite::Connection;
use std::rc::Rc;

/// After a failed import, and while another gateway exports. Nothing is sent before the first import of a run
/// has succeeded, so this bounds how late the export follows a PACS that comes back.
const RETRY_MS: u64 = 5_000;
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
    pub pacs: Rc<Rest>,
    /// Which sorts are imported.
    pub types: Vec<String>,
    /// This panel.
    pub gateway: GatewayId,
    /// Milliseconds between two imports.
    pub every_ms: u64,
}

impl Importing {
    /// Runs for as long as the gateway does.
    pub async fn run(self) {
        let mut level = self.notices.watch();
        loop {
            let is_exporter = self.is_exporter();
            let done = is_exporter && self.import().await;
            let wait_ms = if done { self.every_ms } else { RETRY_MS };
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
        standing::exporter(&self.conn)
            .is_ok_and(|exporter| exporter.as_deref() == Some(self.gateway.as_str()))
    }

    async fn import(&self) -> bool {
        let found = match self.pacs.entitlements(&self.types).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "entitlements cannot be imported; trying again");
                self.notices.pacs_reachable(false);
                return false;
            }
        };
        self.notices.pacs_reachable(true);
        self.notices.pacs_is_known();
        let count = found.len();
        let written = self.writer.run(Urgency::Normal, move |context| store(context, &found));
        match written.await {
            Ok(changed) => {
                tracing::info!(count, changed, "entitlements imported from the PACS");
                self.notices.events();
                true
            }
            Err(error) => {
                tracing::error!(%error, "imported entitlements cannot be kept; trying again");
                false
            }
        }
    }
}

/// Keeps what was found, and reports it if it differs from the last import.
fn store(context: Context<'_>, found: &[PacsEntitlement]) -> rusqlite::Result<bool> {
    let Context { conn, now, .. } = context;
    if !list::replace_pacs_entitlements(conn, found)? {
        return Ok(false);
    }
    let entitlements = list::pacs_entitlements(conn)?;
    let pages: Vec<&[PacsEntitlement]> =
        if entitlements.is_empty() { vec![&[]] } else { entitlements.chunks(PAGE_ENTITLEMENTS).collect() };
    for (at, page) in pages.iter().enumerate() {
        let complete = at + 1 == pages.len();
        outbox::push(
            conn,
            now,
            &Event::PacsEntitlements { import: now, entitlements: page.to_vec(), complete },
        )?;
    }
    Ok(true)
}
