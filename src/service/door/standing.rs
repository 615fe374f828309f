//! What stands on disk: whose the doors are, lockdown, and which of them are open to everyone.
//!
//! Not here: ordering it (`orders`).

use super::Run;
use super::machine::Happening;
use super::passing;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, door_orders, outbox};
use crate::service::orders::UNLOCK_MAX_S;
use access::id::Key;
use access::time::UtcTime;
use access::trust::Trust;
use contract::at_door::AtDoor;
use contract::messages::Event;

impl Run {
    /// What stands on disk: whose the doors are, lockdown, and which of them are open to everyone.
    pub(super) async fn follow_orders(&mut self) {
        self.seen = self.time.clock().reading();
        let read = (|| {
            let owned = self.doors.keys().map(|key| {
                let door = crate::mirror::passing::door(&self.conn, key)?;
                let controls = door.is_some_and(|door| passing::controls(&door, &self.gateway));
                Ok((key.clone(), controls))
            });
            let owned = owned.collect::<rusqlite::Result<Vec<_>>>()?;
            let is_shut = door_orders::lockdown(&self.conn)?.is_some();
            Ok::<_, rusqlite::Error>((owned, door_orders::unlocked(&self.conn)?, is_shut))
        })();
        let (owned, unlocked, is_shut) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!(%error, "the doors' records cannot be read: none is open to everyone");
                return self.shut_all().await;
            }
        };
        let (time, mono) = (self.time.time(), self.time.mono());
        let was_shut = std::mem::replace(&mut self.is_shut, is_shut);
        let begins = is_shut && !was_shut;
        let to_come = unlocked.iter().map(|(_, until)| *until).filter(|until| *until > time.now);
        self.open_until = to_come.filter(|_| time.trust == Trust::Trusted).min();
        for (key, controls) in owned {
            let until = unlocked.iter().find(|(door, _)| *door == key).map(|(_, until)| *until);
            // By a clock that is not believed nobody can say that it is not over.
            let left_s = until
                .filter(|_| time.trust == Trust::Trusted)
                .map(|until| until.unix().saturating_sub(time.now.unix()));
            // An order is for a day at most: what seems longer was given by a clock that was put back since.
            let left_s = left_s.filter(|left_s| *left_s <= UNLOCK_MAX_S);
            let left_ms = left_s.and_then(|left_s| u64::try_from(left_s).ok()).map(|left_s| left_s * 1000);
            if let Some(until) = until.filter(|until| time.trust == Trust::Trusted && *until <= time.now) {
                self.is_over(&key, until).await;
            }
            let Some(door) = self.doors.get_mut(&key) else { continue };
            let mut todo = door.machine.controls(controls);
            let what =
                Happening::OpenToAll { until: left_ms.filter(|ms| *ms > 0).map(|ms| mono.after_ms(ms)) };
            todo.extend(door.machine.happen(what, mono));
            if begins {
                todo.extend(door.machine.lock_down(mono));
            }
            self.act(&key, todo).await;
        }
    }

    async fn shut_all(&mut self) {
        let mono = self.time.mono();
        for key in self.doors.keys().cloned().collect::<Vec<_>>() {
            let Some(door) = self.doors.get_mut(&key) else { continue };
            let todo = door.machine.happen(Happening::OpenToAll { until: None }, mono);
            self.act(&key, todo).await;
        }
    }

    /// A door that was open to everyone until then is locked again.
    async fn is_over(&mut self, key: &Key, until: UtcTime) {
        let (door, now) = (key.clone(), self.time.time().now);
        let work = move |context: Context<'_>| {
            let is_same = door_orders::unlocked(context.conn)?.contains(&(door.clone(), until));
            if is_same && door_orders::lock(context.conn, &door)? {
                let event = Event::Door(AtDoor::Locked { door: door.clone(), who: None });
                outbox::push(context.conn, now, &event)?;
            }
            Ok(())
        };
        match self.writer.run(Urgency::Narrowing, work).await {
            Ok(()) => self.notices.events(),
            Err(error) => {
                tracing::warn!(%error, "it is not noted that a door is locked again; it is all the same")
            }
        }
    }
}
