//! Looks in the PACS for persons under our prefix that are nobody's here: somebody made them, a backup has brought them
//! back from longer ago than the ledger remembers, or another gateway exported and its ledger was lost.
//!
//! They are remembered and shown, and left alone until somebody approves their removal.
//!
//! Not here: whoever is wanted, which the export finds by itself and has approved before it is taken over.

use super::Drifting;
use crate::export::item::{Act, Answer, Ids, ItemId, ItemKind, Step};
use crate::export::ledger::strangers::{STRANGERS_MAX, Stranger};
use crate::export::ledger::{self, role, strangers};
use crate::export::pacs::PacsError;
use crate::mirror::Urgency;
use crate::mirror::facts;
use access::id::Key;

/// Pages of the PACS's persons that are read in one search.
const LIST_PAGES_MAX: u32 = 10_000;
/// Strangers that are named in the log.
const NAMED_MAX: usize = 5;
/// Users that are read at a time.
const PAGE_USERS: u32 = 256;

/// Why a search has not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfinished {
    /// The list cannot be read.
    #[error(transparent)]
    Pacs(#[from] PacsError),
    /// A person cannot be looked up.
    #[error("the PACS does not say whether it has {0}")]
    NotSaid(String),
    /// The mirror cannot be read.
    #[error("the mirror cannot be read: {0}")]
    Mirror(#[from] rusqlite::Error),
    /// Another gateway exports by now.
    #[error("another gateway exports")]
    NotOurs,
}

impl Drifting {
    /// By the PACS's own list, where it has one; else, once after an export was begun without a ledger, user by user.
    pub(super) async fn look_for_strangers(&self) -> Result<(), Unfinished> {
        let found = match self.listed().await? {
            Some(found) => found,
            None if role::wants_sweep(&self.conn).map_err(rusqlite::Error::from)? => self.asked_for().await?,
            None => return Ok(()),
        };
        self.remember(found).await;
        Ok(())
    }

    /// None when the PACS has no list.
    async fn listed(&self) -> Result<Option<Vec<Stranger>>, Unfinished> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..LIST_PAGES_MAX {
            let Some(page) = self.pacs.persons(after.as_deref()).await? else { return Ok(None) };
            for person in page.persons {
                let user = person.ext_id.strip_prefix(&self.prefix).and_then(|user| Key::new(user).ok());
                let Some(user) = user.filter(|user| !self.is_known(user)) else { continue };
                found.push(Stranger { user, ext_id: person.ext_id, native_id: Some(person.native_id) });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Some(found))
    }

    /// Everyone in the mirror whom the ledger does not know. Whom the mirror has forgotten nobody can ask for.
    async fn asked_for(&self) -> Result<Vec<Stranger>, Unfinished> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let users = facts::users_after(&self.conn, &after, PAGE_USERS)?;
            let Some(last) = users.last() else { return Ok(found) };
            after.clone_from(last);
            for user in users.iter().filter_map(|user| Key::new(user).ok()) {
                if self.is_known(&user) || found.len() >= STRANGERS_MAX {
                    continue;
                }
                if !self.may_ask() {
                    return Err(Unfinished::NotOurs);
                }
                found.extend(self.ask_for(user).await?);
            }
        }
    }

    async fn ask_for(&self, user: Key) -> Result<Option<Stranger>, Unfinished> {
        let ext_id = format!("{}{user}", self.prefix);
        let step = Step {
            item: ItemId { user: user.clone(), kind: ItemKind::Person, item: String::new() },
            act: Act::LookUp,
            content: None,
            wanted: None,
            ids: Ids { ext_id: ext_id.clone(), ..Ids::default() },
            attempt: 1,
        };
        match self.pacs.execute(&step).await {
            Answer::Found { native_id, .. } | Answer::Done { native_id } => {
                Ok(Some(Stranger { user, ext_id, native_id }))
            }
            Answer::Several { native_id, .. } => {
                Ok(Some(Stranger { user, ext_id, native_id: Some(native_id) }))
            }
            Answer::NotFound { .. } => Ok(None),
            Answer::Conflict { .. }
            | Answer::Refused { .. }
            | Answer::TryLater { .. }
            | Answer::NotSent { .. }
            | Answer::Unknown { .. } => Err(Unfinished::NotSaid(ext_id)),
        }
    }

    async fn remember(&self, mut found: Vec<Stranger>) {
        found.sort();
        if !found.is_empty() {
            let named: Vec<&str> =
                found.iter().take(NAMED_MAX).map(|stranger| stranger.ext_id.as_str()).collect();
            tracing::warn!(
                strangers = found.len(),
                named = named.join(", "),
                "persons in the PACS carry our prefix and are nobody's here; see `doorward export status`"
            );
        }
        let noted = self.writer.run(Urgency::Normal, move |context| {
            strangers::replace(context.conn, &found)?;
            Ok(role::set_sweep(context.conn, false)?)
        });
        match noted.await {
            Ok(()) => self.notices.ledger_changed(),
            Err(error) => tracing::warn!(%error, "who was found in the PACS is not noted"),
        }
    }

    fn is_known(&self, user: &Key) -> bool {
        ledger::load(&self.conn, user).map_or(true, |rows| rows.iter().any(|row| row.is_person()))
    }
}
