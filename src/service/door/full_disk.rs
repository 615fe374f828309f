//! What becomes of cards and events while the disk takes nothing.
//!
//! - `unwritten`: events that wait in memory
//!
//! Not here: noticing that it is full (the mirror's writer).

use super::Run;
use super::passing::{self, Moment, Passage, Shown};
use crate::config::WhenDiskFull;
use crate::mirror::writer::Context;
use crate::mirror::{Urgency, outbox};

impl Run {
    /// By the door's setting; what happened is kept in memory for as long as there is room and power.
    pub(super) fn without_room(
        &mut self,
        shown: &Shown,
        moment: &Moment,
        when_full: WhenDiskFull,
    ) -> Option<Passage> {
        let passage = match passing::judge(&self.conn, shown, moment) {
            Ok(passage) => passage,
            Err(error) => {
                tracing::error!(%error, "what a card may cannot be decided: nothing is granted");
                return None;
            }
        };
        let is_barred = passage.is_granted() && when_full == WhenDiskFull::Deny;
        if is_barred {
            tracing::error!(door = %shown.door, "a card that may pass does not: there is no room for its event");
            self.unwritten.keep(moment.time.now, passage.barred());
            return None;
        }
        self.unwritten.keep(moment.time.now, passage.event.clone());
        Some(passage)
    }

    /// The disk has room, perhaps: what has waited goes first, so that all of it is told in its order.
    pub(super) async fn write_what_waits(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        self.unwritten.tried(self.time.mono());
        let waiting = self.unwritten.all();
        let work = move |context: Context<'_>| {
            waiting.iter().try_for_each(|(at, event)| outbox::push(context.conn, *at, event))
        };
        match self.writer.run(Urgency::Normal, work).await {
            Ok(()) => {
                self.unwritten.clear();
                self.notices.events();
            }
            Err(error) => tracing::warn!(%error, "events of doors wait in memory"),
        }
        self.notices.disk_full(self.writer.is_disk_full());
    }
}
