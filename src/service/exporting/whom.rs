//! Whose turn comes: users with edges, the list on disk, and everyone else as long as the walk is not through; and what
//! looking has come to, on disk.
//!
//! Not here: the order (`agenda`), one user's work (`work`).

use super::{Done, Exporting, Turns};
use crate::export::ledger::{self, role};
use crate::mirror::due::{self, Walk};
use crate::mirror::standing::{self, Restored};
use crate::mirror::touched::{Haste, TOUCHED_USERS_MAX, Touched};
use crate::mirror::{Urgency, facts};
use crate::service::agenda::Agenda;
use access::id::Key;
use access::time::UtcTime;
use access::trust::Trust;
use rusqlite::Connection;
use tokio::sync::watch;
use tokio::task::JoinError;

/// Users are listed this many at a time.
pub(in crate::service) const PAGE_USERS: u32 = 256;

impl Turns {
    pub(super) fn ended(&mut self, done: Result<Done, JoinError>) {
        match done {
            Ok(Done { user, again, found }) => {
                if self.agenda.done(&user, again) {
                    self.progress.done(&user, found);
                }
            }
            Err(error) => tracing::error!(%error, "a user's export has failed; the next start repeats it"),
        }
    }
}

impl Exporting {
    /// Whether this gateway has the ledger and nothing stops it, its records are not a backup's, and the PACS has answered as its profile says.
    pub(super) fn may_send(&self) -> bool {
        let standing = role::standing(&self.conn);
        // What a backup's records give may have been taken away since.
        let is_heard = standing::provenance(&self.conn).is_ok_and(|(_, restored)| restored == Restored::No);
        is_heard
            && self.notices.is_pacs_known()
            && self.gate.is_open()
            && standing.is_ok_and(|standing| standing.may_send())
    }

    /// What is touched meanwhile is due on disk, and whatever makes this gateway the exporter leaves a notice. Says
    /// whether to go on.
    pub(super) async fn rest_while_another_exports(
        &self,
        turns: &mut Turns,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        if turns.running.is_empty() {
            turns.agenda = self.first_agenda();
            self.notices.take_touched();
            // It may have become the exporter just now.
            if self.may_send() {
                return true;
            }
            if !self.gate.is_open() {
                self.gate.is_still();
            }
        }
        tokio::select! {
            Some(done) = turns.running.join_next(), if !turns.running.is_empty() => turns.ended(done),
            () = self.notices.work() => {}
            changed = stop.changed() => return changed.is_ok(),
        }
        true
    }

    /// Everyone who is due, and edges since they were last looked at.
    pub(super) fn first_agenda(&self) -> Agenda {
        let now = self.time.time().now;
        // A mirror that cannot be read says so when it is next asked.
        let edges = due::walk(&self.conn).ok().filter(|walk| walk.begun).map(|walk| walk.edges);
        let mut agenda = Agenda::new(edges.unwrap_or(now));
        agenda.everyone();
        agenda
    }

    /// What waited for a clock that can be believed is on the list, or its edge is not noted yet.
    pub(super) fn trust_changed(&self, agenda: &mut Agenda) {
        if let Ok(walk) = due::walk(&self.conn) {
            agenda.edges_done(walk.edges);
        }
        agenda.everyone();
    }

    /// Adds the users whose windows have opened or closed since the last look, and the next page of those who are due.
    pub(super) async fn collect(&self, turns: &mut Turns) -> rusqlite::Result<()> {
        let time = self.time.time();
        if let Some((after, until)) = turns.agenda.edges_to(time.now) {
            let touched = with_edges(&self.conn, after, until)?;
            if time.trust == Trust::Trusted && touched != Touched::nobody() {
                let (users, now) = (touched.clone(), time.now);
                let added = self
                    .writer
                    .run(Urgency::Narrowing, move |context| due::add_edges(context.conn, &users, now));
                if let Err(error) = added.await {
                    tracing::warn!(%error, "edges that have passed are not noted; the next start finds them again");
                }
            }
            turns.agenda.add(touched);
            turns.agenda.edges_done(time.now);
        }
        if let Some(after) = turns.agenda.wants_page() {
            if after.is_empty() {
                self.begin_walk(turns).await?;
            }
            let users = page(&self.conn, &due::walk(&self.conn)?, &after)?;
            turns.progress.page(&users);
            turns.agenda.page(users, usize::try_from(PAGE_USERS).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    async fn begin_walk(&self, turns: &mut Turns) -> rusqlite::Result<()> {
        let time = self.time.time();
        let mut walk = due::walk(&self.conn)?;
        if !walk.begun && time.trust == Trust::Trusted {
            let begun = self.writer.run(Urgency::Normal, move |context| due::begin(context.conn, time.now));
            match begun.await {
                Ok(()) => walk = due::walk(&self.conn)?,
                Err(error) => tracing::warn!(%error, "everyone is looked at, and it is not noted"),
            }
        }
        turns.progress.begin(&walk);
        Ok(())
    }

    /// Notes who is as it should be, and how far the walk has come.
    pub(super) async fn note(&self, turns: &mut Turns) {
        let idle = turns.running.is_empty();
        let Some(settled) = turns.progress.take(idle) else { return };
        let noted = self.writer.run(Urgency::Normal, move |context| due::settle(context.conn, &settled));
        if let Err(error) = noted.await {
            tracing::debug!(%error, "who is at rest is not noted; the next start looks again");
        }
    }
}

/// Users with an edge in `(after, until]`, and those whose removal is held until such an edge.
pub(in crate::service) fn with_edges(
    conn: &Connection,
    after: UtcTime,
    until: UtcTime,
) -> rusqlite::Result<Touched> {
    // A clock step over many edges at once is everyone's business.
    let mut users = facts::users_with_edges(conn, after, until, TOUCHED_USERS_MAX + 1)?;
    users.extend(ledger::brake::users_with_ends(conn, after, until, TOUCHED_USERS_MAX + 1)?);
    let mut touched = Touched::nobody();
    users.into_iter().for_each(|user| touched.add(user, Haste::AtOnce));
    Ok(touched)
}

/// When to look at edges again: at the first that was not looked at, which is in the past when the clock has come to it
/// since the last look.
pub(super) fn next_edge(conn: &Connection, agenda: &Agenda) -> rusqlite::Result<Option<UtcTime>> {
    let looked_at = agenda.edges();
    let edges = [facts::next_edge(conn, looked_at)?, ledger::brake::next_end(conn, looked_at)?];
    Ok(edges.into_iter().flatten().min())
}

/// A page of those who are due, in key order after `after`: the list, and whoever the walk has not come to.
pub(in crate::service) fn page(conn: &Connection, walk: &Walk, after: &str) -> rusqlite::Result<Vec<String>> {
    let mut users = due::after(conn, after, PAGE_USERS)?;
    if let Some(walked) = &walk.after {
        let from = walked.as_str().max(after);
        users.extend(facts::users_after(conn, from, PAGE_USERS)?);
        // The ledger may know users that the mirror has forgotten.
        let from = Key::new(from).ok();
        users.extend(ledger::whose::users(conn, from.as_ref(), PAGE_USERS)?.iter().map(Key::to_string));
    }
    users.sort();
    users.dedup();
    // What lies beyond the shortest list's end comes again.
    users.truncate(usize::try_from(PAGE_USERS).unwrap_or(usize::MAX));
    Ok(users)
}

/// Whoever has an item in doubt, one that was refused or one that is held is due, whatever the list says: a look that
/// was cut short may have left it.
pub(super) fn list_the_restless(conn: &Connection) -> rusqlite::Result<()> {
    let mut after = String::new();
    loop {
        let users = ledger::whose::restless(conn, &after, PAGE_USERS)?;
        let Some(last) = users.last() else { return Ok(()) };
        after.clone_from(last);
        due::add_users(conn, users)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_that_passes_between_the_look_and_the_wait_is_still_to_come() {
        let conn = Connection::open_in_memory().expect("memory");
        conn.execute_batch(include_str!("../../../sql/schema.sql")).expect("the schema is valid");
        conn.execute(
            "INSERT INTO assignment (user, entitlement, valid_from, valid_to) VALUES (1, 2, 50, 100)",
            [],
        )
        .expect("a window");
        let next_edge =
            |looked_at| next_edge(&conn, &Agenda::new(UtcTime::from_unix(looked_at))).expect("read");
        assert_eq!(next_edge(49), Some(UtcTime::from_unix(50)));
        assert_eq!(next_edge(99), Some(UtcTime::from_unix(100)), "whatever the clock shows by now");
        assert_eq!(next_edge(100), None);
    }
}
